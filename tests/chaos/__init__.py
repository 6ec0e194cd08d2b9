"""A mixed load while faults come and go at random: `python -m tests.chaos --seed N` (make chaos).

Not collected by pytest, which runs a small one in tests/e2e/test_chaos.py.

schedule   a seed → the requests and the faults                 pure
bodies     a planned request → bytes, and what they deserve     pure
account    what was sent, and what each answer said
clients    the load, as good clients send it
faults     the faults, begun and ended
replays    the sluice replay that mends rejected records meanwhile, and at the end
commands   a command of sluice, run to its end
seen       what the stores of the pipeline hold at the end
breach     what can be wrong                                    pure
effects    what the faults have to have done                    pure
reconciled what sluice reconcile said, against own counts       pure
verdict    the account against what was seen → breaches         pure
report     both in words                                        pure
run        all of it together
"""
