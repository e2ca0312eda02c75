"""What does the worst accepted input of each kind and size cost the service, and a stranger's?

Processor time of the process that serves and of the decoder beside it, and the most memory the
decoder held. Strangers are told apart by what stays behind: resident memory after many of them.

    python research/benchmarks/bench_worst.py            # the table of docs/explanation/threat-model.md
"""

import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import PIL.Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.chaos.test_entry import listening  # noqa: E402
from tests.service_house import House, house  # noqa: E402
from veridical.chip import read_chip  # noqa: E402
from veridical.consent_recording import parse_script  # noqa: E402
from veridical.errors import VeridicalError  # noqa: E402
from veridical.media import read_audio, read_clip, read_image  # noqa: E402
from veridical.media.decoder import default_pool  # noqa: E402
from veridical.policy.policy import parse_policy  # noqa: E402

MIB = 2**20
TICKS = os.sysconf("SC_CLK_TCK")
STRANGERS = 30
SEND = """
import socket, sys
size, port, piece = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
head = sys.stdin.buffer.read()
for _ in range(int(sys.argv[4])):
    with socket.create_connection(("127.0.0.1", port)) as c:
        c.settimeout(30)
        try:
            c.sendall(head)
            body = bytes(piece) if piece else b""
            for _ in range(size // piece if piece else 0):
                c.sendall(body)
            while c.recv(65536):
                pass
        except OSError:
            pass
"""


def children() -> list[int]:
    """Processes that this one started."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found]


def spent(pid: int) -> tuple[float, float]:
    """Processor seconds of a process, and the most MiB it ever held."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0, 0.0
    peak = next((int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line), 0)
    return (int(words[11]) + int(words[12])) / TICKS, peak / 1024


def resident_mib() -> float:
    """What this process holds."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line) / 1024


def measured(name: str, data: bytes, read: Callable[[bytes], object]) -> None:
    """One input, read by a fresh decoder."""
    default_pool().close()
    gc.collect()
    began, peak, decoder, told = time.process_time(), 0.0, 0.0, "read"
    try:
        read(data)
    except VeridicalError as error:
        told = error.code
    service = time.process_time() - began
    for pid in children():
        cpu, most = spent(pid)
        decoder, peak = decoder + cpu, max(peak, most)
    print(f"| {name} | {size_of(len(data))} | {service:.2f} s | {decoder:.2f} s | {peak:.0f} MiB | {told} |",
          flush=True)  # fmt: skip


def size_of(count: int) -> str:
    """Bytes in words."""
    return f"{count / MIB:.1f} MB" if count > 100_000 else f"{count / 1024:.1f} KB"


# --- inputs ---------------------------------------------------------------------------------------


def noise(width: int, height: int, channels: int = 3) -> PIL.Image.Image:
    """Nothing compresses it: the most bytes that a decoder must look at."""
    values = np.random.default_rng(1).integers(0, 255, (height, width, channels), np.uint8)
    return PIL.Image.fromarray(values, "RGBA" if channels == 4 else "RGB")


def encoded(image: PIL.Image.Image, kind: str, **how: object) -> bytes:
    """A picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return stream.getvalue()


def scans(width: int, height: int, count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(PIL.Image.new("RGB", (width, height), (90, 90, 90)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (count - data.count(b"\xff\xda")) + data[-2:]


def deep_png(width: int, height: int) -> bytes:
    """16 bits a channel, RGBA."""
    import cv2

    return bytes(cv2.imencode(".png", np.full((height, width, 4), 30_000, np.uint16))[1])


def clip_of(codec: str, container: str, width: int, height: int, frames: int, rate: int) -> bytes:
    """A clip of noise that moves."""
    stream = io.BytesIO()
    moving = np.random.default_rng(2).integers(0, 255, (height, width, 3), np.uint8)
    with av.open(stream, "w", format=container) as file:
        track = file.add_stream(codec, rate)
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            track.options = {"preset": "ultrafast", "crf": "40"}
        else:
            track.options = {"deadline": "realtime", "cpu-used": "8", "crf": "60"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(moving, number * 3, 1), "rgb24")
            for packet in track.encode(frame):
                file.mux(packet)
        file.mux(track.encode())
    return stream.getvalue()


def sound_of(codec: str, container: str, rate: int, seconds: int, layout: str = "mono") -> bytes:
    """A sound of noise."""
    stream = io.BytesIO()
    wave = np.random.default_rng(3).integers(-9000, 9000, rate * seconds, np.int16)[None]
    with av.open(stream, "w", format=container) as file:
        track = file.add_stream(codec, rate, layout=layout)
        resampler = av.AudioResampler(track.codec_context.format, layout, rate)
        for first in range(0, wave.shape[1], rate):
            frame = av.AudioFrame.from_ndarray(wave[:, first : first + rate], "s16", "mono")
            frame.rate, frame.pts = rate, first
            for part in resampler.resample(frame):
                file.mux(track.encode(part))
        file.mux(track.encode(None))
    return stream.getvalue()


def chip_of(count: int) -> bytes:
    """Files of a chip that compress well."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("EF.SOD", bytes(60_000))
        for number in range(1, count + 1):
            file.writestr(f"DG{number}", bytes((2 * MIB - 70_000) // count))
    return stream.getvalue()


def media() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    """Every kind of medium in its size classes."""
    for pixels, (width, height) in {"1 MP": (1_200, 860), "12 MP": (4_000, 3_000),
                                    "40 MP": (7_300, 5_470)}.items():  # fmt: skip
        yield (
            f"JPEG, {pixels}, noise",
            encoded(noise(width, height), "JPEG", quality=60),
            read_image,
        )
        yield f"progressive JPEG, 24 scans, {pixels}", scans(width, height, 24), read_image
        yield f"PNG, 16-bit RGBA, {pixels}", deep_png(width, height), read_image
        plain = PIL.Image.new("RGB", (width, height), (90, 120, 90))
        yield f"WebP, {pixels}", encoded(plain, "WEBP"), read_image
        if pixels != "40 MP":
            yield f"AVIF, {pixels}", encoded(plain, "AVIF", speed=10), read_image
    yield (
        "JPEG, 48 MP, at half its size",
        encoded(PIL.Image.new("RGB", (8_000, 6_000)), "JPEG"),
        read_image,
    )
    yield "progressive JPEG, 2,000 scans", scans(1_200, 860, 2_000), read_image
    yield (
        "clip, H.264, 640x480, 300 frames",
        clip_of("libx264", "mp4", 640, 480, 300, 30),
        read_clip,
    )
    yield (
        "clip, H.264, 1920x1080, 300 frames",
        clip_of("libx264", "mp4", 1_920, 1_080, 300, 30),
        read_clip,
    )
    yield (
        "clip, H.264, 4096x2304, 60 frames",
        clip_of("libx264", "mp4", 4_096, 2_304, 60, 30),
        read_clip,
    )
    yield (
        "clip, H.264, 64x64, 3,600 frames",
        clip_of("libx264", "mp4", 64, 64, 3_600, 60),
        read_clip,
    )
    yield "clip, VP8, 640x480, 300 frames", clip_of("libvpx", "webm", 640, 480, 300, 30), read_clip
    yield (
        "sound, WAV 48 kHz, 260 s",
        sound_of("pcm_s16le", "wav", 48_000, 260, "stereo"),
        read_audio,
    )
    yield "sound, FLAC 192 kHz, 60 s", sound_of("flac", "flac", 192_000, 60), read_audio
    yield "sound, MP3 48 kHz, 300 s", sound_of("libmp3lame", "mp3", 48_000, 300), read_audio
    yield "chip, 2 MB of zeros in 16 files", chip_of(16), read_chip


def texts() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    """TOML at its bounds."""

    def policy(data: bytes) -> object:
        return parse_policy.__wrapped__(data, "the policy", ROOT)

    def script(data: bytes) -> object:
        return parse_script(data, "the script")

    tables = b"".join(b"[a%d]\n" % i for i in range(16_000))[: 128 * 1024]
    yield "policy, most tables", tables, policy
    yield "policy, a list of lists", b"a = [" + b"[]," * 19_000 + b"]", policy
    yield "script, most tables", tables[: 64 * 1024], script


# --- strangers ------------------------------------------------------------------------------------


def strangers(port: int) -> None:
    """Who has no key: what each costs, and what stays behind."""
    every = "Host: x\r\nContent-Type: application/json\r\n"
    form = "Host: x\r\nContent-Type: multipart/form-data; boundary=b; charset=punycode\r\n"
    for name, head, size, piece in (
        ("head alone", f"POST /v1/transactions HTTP/1.1\r\n{every}Content-Length: 0\r\n\r\n", 0, 0),
        ("1 MB of another charset", f"POST /v1/verify HTTP/1.1\r\n{form}Content-Length: {MIB}\r\n\r\n", MIB, 65_536),
        ("60 MB on its way", f"POST /v1/verify HTTP/1.1\r\n{every}Content-Length: {60 * MIB}\r\n\r\n", 60 * MIB, 65_536),
        ("24 MB of a picture, unknown key", f"PUT /v1/transactions/t_{'0' * 32}/media/selfie HTTP/1.1\r\nAuthorization: Bearer vk_0123456789ab_x\r\n{every}Content-Length: {24 * MIB}\r\n\r\n", 24 * MIB, 65_536),
        ("64 KB of query", f"GET /v1/transactions?{'a=1&' * 15_000} HTTP/1.1\r\n{every}\r\n", 0, 0),
        ("60 KB of headers", "GET /v1/transactions HTTP/1.1\r\n" + "".join(f"x-{i}: 1\r\n" for i in range(5_000)) + f"{every}\r\n", 0, 0),
        ("invented method", f"BREW /v1/transactions HTTP/1.1\r\n{every}\r\n", 0, 0),
        ("upload token that is none", f"GET /v1/transactions/t_{'0' * 32} HTTP/1.1\r\nAuthorization: Bearer vu_t_{'0' * 32}_x\r\n{every}\r\n", 0, 0),
        ("probe", f"GET /readyz HTTP/1.1\r\n{every}Connection: close\r\n\r\n", 0, 0),
    ):  # fmt: skip
        head = head.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n", 1)

        def send(times: int, head: str = head, size: int = size, piece: int = piece) -> None:
            words = [sys.executable, "-c", SEND, str(size), str(port), str(piece), str(times)]
            subprocess.run(words, input=head.encode(), check=True)

        send(3)
        gc.collect()
        began, before = time.process_time(), resident_mib()
        send(STRANGERS)
        cost_ms = (time.process_time() - began) / STRANGERS * 1000
        gc.collect()
        kept = max(0.0, resident_mib() - before) / STRANGERS * 1024
        told = size_of(size + len(head))
        print(f"| no key: {name} | {told} | {cost_ms:.1f} ms | {kept:.0f} KiB |", flush=True)


def bodies(here: House) -> None:
    """JSON of who has a key."""
    key = here.key()
    values = json.dumps({"consent": {"biometrics": True}, "checks": [1] * 19_000}).encode()
    verdict = b'{"verdicts":[' + b",".join([b"{}"] * 150_000) + b"]}"
    for name, path, data in (
        ("JSON body, most values", "/v1/transactions", values[: 64 * 1024]),
        ("verdicts to be decided again, most values", "/v1/policies/selfie/evaluate", verdict),
        ("lists, most values", "/v1/lists/deny/phone",
         json.dumps({"values": [str(10**9 + i) for i in range(10_000)]}).encode()),
    ):  # fmt: skip
        began = time.process_time()
        answer = here.client.post(
            path, content=data, headers={**key, "Content-Type": "application/json"}
        )
        cost = time.process_time() - began
        print(f"| {name} | {size_of(len(data))} | {cost:.2f} s | | | {answer.status_code} |")


def main() -> None:
    """Print both tables."""
    with (
        tempfile.TemporaryDirectory() as folder,
        house(Path(folder) / "v.db", Path(folder)) as here,
    ):
        print("| input | bytes | service | kept |\n|---|---|---|---|")
        with listening(here.client.app) as port:
            strangers(port)
        print(
            "\n| input | bytes | service | decoder | decoder's peak | answer |\n|---|---|---|---|---|---|"
        )
        bodies(here)
    for name, data, read in (*texts(), *media()):
        measured(name, data, read)


if __name__ == "__main__":
    main()
