"""python examples/timeout.py CHART: how long may the rollout of a chart take, and why?"""

import base64
import sys
from pathlib import Path

from backstay import Backstay

chart = Path(sys.argv[1])
files = [
    {"path": path.relative_to(chart).as_posix(), "base64": base64.b64encode(path.read_bytes()).decode()}
    for path in sorted(chart.rglob("*"))
    if path.is_file()
]

backstay = Backstay()
manifest = backstay.call("render", {"files": files, "release": "shop"})["manifest"]
print(backstay.call("timeout", {"manifest": manifest, "install": True})["text"])
