"""A root file system from the distribution's static busybox: no image, no registry."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
USER_ID = 1234

_FILES = {
    "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\nuser:x:{USER_ID}:{USER_ID}::/tmp:/bin/sh\n",
    "etc/group": f"root:x:0:\nuser:x:{USER_ID}:\n",
    "etc/not-a-program": "text without execute permission\n",
}
# They may be executed, and the kernel refuses.
NO_INTERPRETER, NO_FORMAT = "/bin/no-interpreter", "/bin/no-format"
_REFUSED = {NO_INTERPRETER: "#!/no/such/interpreter\n", NO_FORMAT: "no first line\n"}


def make(target: Path) -> Path:
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var"):
        (target / name).mkdir(parents=True, exist_ok=True)
    (target / "tmp").chmod(0o1777)
    for name, text in _FILES.items():
        (target / name).write_text(text)
    for name, text in _REFUSED.items():
        (target / name[1:]).write_text(text)
        (target / name[1:]).chmod(0o755)
    shutil.copy2(BUSYBOX, target / "bin/busybox")
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout
    for name in set(listed.split()) - {"busybox"}:
        (target / "bin" / name).symlink_to("busybox")
    return target
