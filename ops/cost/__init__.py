"""What a stage costs a month: a model of the bill, fed with a workload and a region's prices. No AWS, no network."""
