"""server.py HOME STATE [--idle SECONDS]: the speech peer on a free port of 127.0.0.1; README.md beside this file has its protocols.

When it is ready it writes its address to STATE, and it ends when that file is gone, or when nobody has held or asked it
for so many seconds.
"""
import argparse
import asyncio
import concurrent.futures
import ctypes
import functools
import io
import json
import os
import pathlib
import re
import time
import wave

import espeakng_loader
import numpy as np
import onnxruntime
from aiohttp import WSMsgType, web
from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from misaki import zh
from scipy.signal import resample_poly

HEARD_HZ, SPOKEN_HZ = 16_000, 24_000
# Without a sentence of its kind to go on, Whisper writes traditional characters, or none of the marks between them.
PROMPTS = {"zh": "以下是普通话的句子。"}
# Silence that ends a sentence while its speaker goes on: FunASR's own.
SENTENCE_END_MS = 800
# A frame in which the end of a sentence is looked for.
LOOK_BYTES = HEARD_HZ * 2 * 3 // 10
BODY_BYTES_MAX = 20 << 20
# The model's own limit.
SOUNDS_MAX = 508

options = argparse.ArgumentParser()
options.add_argument("home", type=pathlib.Path)
options.add_argument("state", type=pathlib.Path)
options.add_argument("--idle", type=float, default=30)
options = options.parse_args()

recogniser = WhisperModel(str(options.home / "models" / "whisper"), device="cpu", compute_type="int8", cpu_threads=2)
# One at a time: two at once would each take twice as long.
models = concurrent.futures.ThreadPoolExecutor(1)


def in_turn(work, *arguments):
    return asyncio.get_running_loop().run_in_executor(models, functools.partial(work, *arguments))


def heard(pcm, rate):
    samples = np.frombuffer(pcm[:len(pcm) // 2 * 2], "<i2").astype(np.float32) / 32_768
    return samples if rate == HEARD_HZ else resample_poly(samples, HEARD_HZ, rate).astype(np.float32)


def speech_in(samples):
    return get_speech_timestamps(samples, VadOptions(min_silence_duration_ms=SENTENCE_END_MS, speech_pad_ms=200))


def recognise(samples, language, words=""):
    """What is said; nothing where nobody speaks, of which Whisper would make up a sentence."""
    if not speech_in(samples):
        return ""
    segments, _ = recogniser.transcribe(
        samples, language=language, initial_prompt=PROMPTS.get(language, "") + words or None, temperature=0, beam_size=5,
        without_timestamps=True, condition_on_previous_text=False, max_new_tokens=100, repetition_penalty=1.2)
    return "".join(segment.text for segment in segments).strip()


class Voice:
    """Kokoro, and what makes sounds of words for it. Loaded when somebody first wants to hear it."""

    def __init__(self):
        self.model = onnxruntime.InferenceSession(str(options.home / "models" / "kokoro.onnx"))
        self.symbols = json.loads((options.home / "models" / "symbols.json").read_text())["vocab"]
        self.mandarin = zh.ZHG2P()
        self.espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        self.espeak.espeak_TextToPhonemes.restype = ctypes.c_char_p
        # Output by retrieval, default buffers, do not end the process where the data is missing.
        if self.espeak.espeak_Initialize(1, 0, espeakng_loader.get_data_path().encode(), 1 << 15) < 0:
            raise RuntimeError("espeak-ng has no data")

    def speak(self, text, voice, speed):
        sounds = self.english(text, voice) if voice[0] in "ab" else self.mandarin(text)[0]
        tokens = [self.symbols[sound] for sound in sounds if sound in self.symbols][:SOUNDS_MAX]
        styles = np.fromfile(options.home / "voices" / f"{voice}.bin", np.float32).reshape(-1, 256)
        audio = self.model.run(None, {
            "tokens": np.array([[0, *tokens, 0]], np.int64), "style": styles[len(tokens)][None],
            "speed": np.array([speed], np.float32)})[0]
        return (np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes()

    def english(self, text, voice):
        """espeak-ng's sounds, clause by clause, in the letters that the model was taught."""
        self.espeak.espeak_SetVoiceByName(b"en-us" if voice[0] == "a" else b"en-gb")
        made = []
        for clause in re.findall(r"[^,.;:!?]+[,.;:!?]*", text):
            words, marks = re.fullmatch(r"(.*?)([,.;:!?]*)", clause, re.DOTALL).groups()
            rest, sounds = ctypes.c_char_p(words.encode()), []
            while rest.value:
                # Text in UTF-8; IPA, with '^' between the two halves of one sound.
                part = self.espeak.espeak_TextToPhonemes(ctypes.byref(rest), 1, 0x82 | ord("^") << 8)
                sounds.append(part.decode())
            made.append(" ".join(sounds) + marks)
        joined = " ".join(made)
        for old, new in ENGLISH_SOUNDS:
            joined = joined.replace(old, new)
        return joined


ENGLISH_SOUNDS = [
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("o^ʊ", "O"), ("ə^ʊ", "Q"),
    ("ə^l", "ᵊl"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɚ", "əɹ"), ("ɐ", "ə"), ("ɾ", "T"), ("ː", ""), ("r", "ɹ"), ("^", "")]

voice_of_peer = functools.lru_cache(Voice)
holders = set()
last_asked = time.monotonic()


def asked(handler):
    @functools.wraps(handler)
    async def counted(request):
        global last_asked
        holders.add(request.transport)
        last_asked = time.monotonic()
        return await handler(request)
    return counted


def refused(why):
    return web.json_response({"error": {"message": why, "type": "invalid_request_error"}}, status=400)


@asked
async def transcriptions(request):
    form = await request.post()
    try:
        with wave.open(io.BytesIO(form["file"].file.read())) as source:
            samples = heard(source.readframes(source.getnframes()), source.getframerate())
    except (KeyError, AttributeError, EOFError, wave.Error) as error:
        return refused(f"file: {error}")
    text = await in_turn(recognise, samples, form.get("language"), form.get("prompt", ""))
    return web.Response(text=text) if form.get("response_format") == "text" else web.json_response({"text": text})


@asked
async def speech(request):
    body = await request.json()
    voice = body.get("voice", "zf_xiaobei")
    if not (options.home / "voices" / f"{pathlib.Path(voice).name}.bin").exists() or not body.get("input"):
        return refused("voice or input")
    pcm = await in_turn(lambda: voice_of_peer().speak(body["input"], voice, float(body.get("speed", 1))))
    if body.get("response_format") == "pcm":
        return web.Response(body=pcm, content_type="audio/pcm")
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setnchannels(1), target.setsampwidth(2), target.setframerate(SPOKEN_HZ), target.writeframes(pcm)
    return web.Response(body=out.getvalue(), content_type="audio/wav")


@asked
async def funasr(request):
    socket = web.WebSocketResponse(protocols=("binary",))
    await socket.prepare(request)
    settings, pcm, looked = {}, bytearray(), 0

    async def answer(samples, last):
        words = "，".join(json.loads(settings.get("hotwords") or "{}"))
        text = await in_turn(recognise, samples, settings.get("svs_lang", "zh"), words)
        mode = "offline" if settings.get("mode") == "offline" else "2pass-offline"
        await socket.send_json({"mode": mode, "wav_name": settings.get("wav_name", ""), "text": text, "is_final": last})

    async for message in socket:
        if message.type == WSMsgType.TEXT:
            settings.update(json.loads(message.data))
            if settings.get("is_speaking") is False:
                await answer(heard(bytes(pcm), HEARD_HZ), True)
                pcm.clear()
                looked, settings["is_speaking"] = 0, True
        elif message.type == WSMsgType.BINARY and "chunk_size" in settings:
            pcm += message.data
            if settings.get("mode") != "offline" and len(pcm) - looked >= LOOK_BYTES:
                looked = len(pcm)
                samples = heard(bytes(pcm), HEARD_HZ)
                found = await in_turn(speech_in, samples)
                if found and len(samples) - found[-1]["end"] > SENTENCE_END_MS * HEARD_HZ // 1000:
                    await answer(samples, False)
                    pcm.clear()
                    looked = 0
    return socket


@asked
async def hold(request):
    """Keeps the peer alive as long as the connection is there."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"held\n")
    while not request.transport.is_closing():
        await asyncio.sleep(1)
    return response


async def until_nobody_wants_it(runner):
    while options.state.exists():
        holders.difference_update([one for one in holders if one is None or one.is_closing()])
        if not holders and time.monotonic() - last_asked > options.idle:
            break
        await asyncio.sleep(0.5)
    await runner.cleanup()


async def main():
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.add_routes([
        web.post("/v1/audio/transcriptions", transcriptions), web.post("/v1/audio/speech", speech),
        web.get("/", funasr), web.get("/hold", hold), web.get("/health", asked(lambda _: answered("ok")))])
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    half = options.state.with_suffix(".half")
    half.write_text(f"127.0.0.1:{port}\n")
    os.replace(half, options.state)
    await until_nobody_wants_it(runner)


async def answered(text):
    return web.Response(text=text)


asyncio.run(main())
# A model at work does not hold it up.
os._exit(0)
