"""The floor: what FastAPI and uvicorn cost when nothing is done with a record.

Does: one route that reads the raw body and answers 202 (FastAPI, "Using the Request Directly").
Does not: parse or check the record, send it anywhere, write a log line. It loses every record.
"""

from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/records", status_code=202)
async def records(request: Request) -> Response:
    """Read the body and say yes."""
    await request.body()
    return Response(b'{"ok":true}', 202, media_type="application/json")
