"""Make a virtual environment and install a hashed lock into it, on a machine with only python3.

In: the environment's folder and a lock file. Out: an environment with exactly the locked packages and this project
(editable), or one sentence that says what is missing and how to get it. Standard library only: it runs before
anything is installed. Debian splits `ensurepip` into python3-venv; as an administrator we may fetch it ourselves.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

MINIMUM = (3, 11)


def fail(message: str) -> None:
    """Stop with one line for a person."""
    sys.exit(f"rete: {message}")


def run(*command: str) -> bool:
    """Run a command, showing what it prints; tell whether it succeeded."""
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - a list of words, without a shell


def fetch_ensurepip() -> None:
    """Install Debian's python3-venv when we may; otherwise say the one command to type."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    remedy = f"manca il modulo ensurepip: eseguire «sudo apt install {package}» e ripetere"
    apt = shutil.which("apt-get")
    if apt is None:
        fail(remedy)
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and shutil.which("sudo") is None:
        fail(remedy)
    if not (run(*prefix, str(apt), "-qq", "update") and run(*prefix, str(apt), "-qq", "-y", "install", package)):
        fail(remedy)


def main(environment: Path, lock: Path) -> None:
    """Create ``environment`` when absent and bring it to the state of ``lock``."""
    if sys.version_info < MINIMUM:
        fail(f"serve Python {MINIMUM[0]}.{MINIMUM[1]} o successivo; questo è {sys.version.split()[0]}")
    python = environment / "bin" / "python"
    if not python.exists():
        if importlib.util.find_spec("ensurepip") is None:
            fetch_ensurepip()
        if not run(sys.executable, "-m", "venv", str(environment)):
            fail(f"non riesco a creare {environment}: vedere il messaggio qui sopra")
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet")
    print(f"rete: installo i pacchetti di {lock.name} in {environment} ...", flush=True)  # noqa: T201 - a command speaks
    # --no-deps: the lock is complete; --only-binary: no compiler is asked of the user's machine (xlwt, pure, ships a wheel).
    if not run(*pip, "install", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(lock)):
        fail("installazione dei pacchetti non riuscita: controllare la rete e ripetere, nulla è rimasto a metà")
    # The project itself is a path entry: no build tool is needed to run it from its checkout.
    here = Path(__file__).resolve().parent.parent
    site = next((environment / "lib").glob("python3.*/site-packages"))
    (site / "rete_delle_reti.pth").write_text(f"{here}\n", encoding="utf-8")
    command = environment / "bin" / "rete"
    command.write_text(f"#!{python.absolute()}\nfrom node.__main__ import main\n\nmain()\n", encoding="utf-8")
    command.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
