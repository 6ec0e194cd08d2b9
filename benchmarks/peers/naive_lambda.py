"""The tutorial gateway in Lambda: behind Mangum, with nothing done about its start.

Does: what `tutorial` does, for each event. Mangum is used as its README shows it: `lifespan="off"`, so no invocation
runs the application's lifespan, which would cost each of them. The packages are as pip installs them, bytecode
compiled; nothing is left out.
Does not: what `tutorial` does not.
"""

from mangum import Mangum
from tutorial import app  # beside this file in the function's folder

handler = Mangum(app, lifespan="off")
