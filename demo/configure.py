#!/usr/bin/env python3
"""Change the demo's config.json: run the shell script on standard input, with limits and without a terminal."""

import json
import sys
from pathlib import Path

path = Path(sys.argv[1])
config = json.loads(path.read_text())
config["process"]["terminal"] = False
config["process"]["args"] = ["sh", "-c", sys.stdin.read()]
config["hostname"] = "demo"
config["linux"]["cgroupsPath"] = "/pyruntime-demo/demo"
config["linux"]["resources"] = {
    "memory": {"limit": 64 << 20},
    "pids": {"limit": 32},
    "devices": [{"allow": False, "access": "rwm"}],
}
if "--break" in sys.argv:
    config["mounts"].append(
        {
            "destination": "/data",
            "type": "bind",
            "source": "/no/such/directory",
            "options": ["rbind"],
        }
    )
path.write_text(json.dumps(config, indent=2))
