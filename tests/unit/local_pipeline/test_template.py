"""The delivery template is read as CloudFormation would, or refused."""

from pathlib import Path

import pytest

from local_pipeline.template import DELIVERY_TEMPLATE, MIB, DeliverySettings, TemplateError, read_delivery

ARNS = {
    "StreamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/sluice-stream",
    "LandingBucketArn": "arn:aws:s3:::sluice-landing",
    "DataKeyArn": "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000",
}


def write(tmp_path: Path, *, old: str = "", new: str = "") -> Path:
    text = DELIVERY_TEMPLATE.read_text()
    assert old in text
    edited = tmp_path / "delivery.yaml"
    edited.write_text(text.replace(old, new) if old else text)
    return edited


def minimal(tmp_path: Path, name: str, conditions: str = "") -> Path:
    template = tmp_path / "minimal.yaml"
    template.write_text(f"""
{conditions}
Mappings: {{Names: {{blue: {{short: b}}}}}}
Resources:
  Stream:
    Type: AWS::KinesisFirehose::DeliveryStream
    Properties:
      DeliveryStreamName: {name}
      KinesisStreamSourceConfiguration: {{KinesisStreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/s"}}
      ExtendedS3DestinationConfiguration: {{BucketARN: "arn:aws:s3:::b-b"}}
""")
    return template


def test_the_shipped_template_says_1_mib_5_seconds_json() -> None:
    assert read_delivery(ARNS) == DeliverySettings(
        delivery_stream_name="sluice-dev-delivery",
        stream_arn=ARNS["StreamArn"],
        bucket="sluice-landing",
        prefix="records/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/",
        error_prefix=("delivery-errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"),
        buffer_bytes=MIB,
        buffer_seconds=5,
        compression="UNCOMPRESSED",
        extension=".json",
    )


def test_parameters_change_the_settings() -> None:
    given = {"Stage": "prod", "BufferSizeMiB": "64", "BufferSeconds": "300", "LandingPrefix": "in/"}
    settings = read_delivery(ARNS | given | {"CompressionFormat": "GZIP"})
    assert (settings.buffer_bytes, settings.buffer_seconds) == (64 * MIB, 300)
    assert (settings.compression, settings.extension) == ("GZIP", ".json.gz")
    assert settings.delivery_stream_name == "sluice-prod-delivery"
    assert settings.prefix.startswith("in/dt=")
    assert settings.stream_name == "sluice-stream"


@pytest.mark.parametrize(
    ("old", "new", "attribute", "value"),
    [
        ("Default: 5\n", "Default: 2\n", "buffer_seconds", 2),
        ("SizeInMBs: !Ref BufferSizeMiB", "SizeInMBs: 3", "buffer_bytes", 3 * MIB),
        ("FileExtension: .json\n", "FileExtension: .ndjson\n", "extension", ".ndjson"),
        ('hr=!{timestamp:HH}/"', '"', "prefix", "records/dt=!{timestamp:yyyy-MM-dd}/"),
    ],
)
def test_an_edited_template_changes_the_settings(
    tmp_path: Path, old: str, new: str, attribute: str, value: object
) -> None:
    assert getattr(read_delivery(ARNS, write(tmp_path, old=old, new=new)), attribute) == value


def test_what_a_template_leaves_out_is_firehose_s_default(tmp_path: Path) -> None:
    settings = read_delivery({}, minimal(tmp_path, "plain"))
    assert (settings.buffer_bytes, settings.buffer_seconds) == (5 * MIB, 300)
    assert (settings.prefix, settings.extension) == ("!{timestamp:yyyy/MM/dd/HH}/", "")


@pytest.mark.parametrize(
    ("name", "resolved"),
    [
        ("!FindInMap [Names, blue, short]", "b"),
        ("{Fn::Join: ['-', [a, !FindInMap [Names, blue, short]]]}", "a-b"),
        ("!Sub ['${x}-${!literal}', {x: !FindInMap [Names, blue, short]}]", "b-${literal}"),
        ("!If [Same, yes-it-is, no]", "yes-it-is"),
        ("!If [Different, 'yes', no-it-is-not]", "no-it-is-not"),
        ("!If [Either, either, neither]", "either"),
    ],
)
def test_intrinsic_functions(tmp_path: Path, name: str, resolved: str) -> None:
    conditions = (
        "Conditions: {Same: !Equals [1, '1'], Different: !Not [!Condition Same],"
        " Both: !And [!Condition Same, !Condition Different], Either: !Or [!Condition Both, !Condition Same]}"
    )
    assert read_delivery({}, minimal(tmp_path, name, conditions)).delivery_stream_name == resolved


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("!Select [0, [a]]", "cannot evaluate Fn::Select"),
        ("!Ref Elsewhere", "reference to Elsewhere"),
        ("!Sub '${AWS::Region}'", "reference to AWS::Region"),
        ("!If [Missing, a, b]", "no condition Missing"),
        ("!FindInMap [Names, red, short]", "no red, short"),
    ],
)
def test_what_cannot_be_evaluated_is_said(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        read_delivery({}, minimal(tmp_path, name))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"BufferSeconds": "901"}, "BufferSeconds is 901, not within its bounds"),
        ({"BufferSizeMiB": "0"}, "BufferSizeMiB is 0, not within its bounds"),
        ({"BufferSeconds": "soon"}, "not a number"),
        ({"CompressionFormat": "Snappy"}, "not one of UNCOMPRESSED, GZIP"),
        ({"LandingPrefix": "records"}, "ending with a slash"),
    ],
)
def test_parameters_keep_their_bounds(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        read_delivery(ARNS | given)


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(TemplateError, match="parameter StreamArn has no value"):
        read_delivery({})


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Resources:", "Resources: [", "is no YAML"),
        ("AWS::KinesisFirehose::DeliveryStream", "AWS::SQS::Queue", "one delivery stream, it has 0"),
        ("CustomTimeZone: UTC", "CustomTimeZone: Asia/Tokyo", "cannot do CustomTimeZone Asia/Tokyo"),
        ("CustomTimeZone: UTC", "ProcessingConfiguration: {Enabled: true}", "cannot do ProcessingConfiguration"),
        ("BucketARN:", "Bucket:", "has no 'BucketARN'"),
        ("SizeInMBs: !Ref BufferSizeMiB", "SizeInMBs: big", "not of its form"),
    ],
)
def test_a_template_that_cannot_be_followed_is_one_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint) as raised:
        read_delivery(ARNS, write(tmp_path, old=old, new=new))
    assert "\n" not in str(raised.value)


def test_a_missing_template_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="No such file"):
        read_delivery(ARNS, tmp_path / "none.yaml")
