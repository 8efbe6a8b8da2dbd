"""Finds a template on a screen as OpenCV does it: one question a line on standard input, one answer a line on standard output.

A question: {"screen": FILE, "template": FILE}. The answer: {"score", "x", "y", "gray_ms", "match_ms"}: the best place, the time to
make the screen gray, and that of the match. On one thread.
"""

import json
import sys
import time

import cv2

cv2.setNumThreads(1)
screens = {}


def screen_of(name):
    if name not in screens:
        screens[name] = cv2.imread(name, cv2.IMREAD_COLOR)
    return screens[name]


def answer(question):
    screen = screen_of(question["screen"])
    # Each template is another picture under the same name.
    template = cv2.imread(question["template"], cv2.IMREAD_GRAYSCALE)
    begun = time.perf_counter()
    screen = cv2.cvtColor(screen, cv2.COLOR_BGR2GRAY)
    gray = time.perf_counter()
    scores = cv2.matchTemplate(screen, template, cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(scores)
    matched = time.perf_counter()
    return {
        "score": score,
        "x": x,
        "y": y,
        "gray_ms": (gray - begun) * 1000,
        "match_ms": (matched - gray) * 1000,
    }


print(json.dumps({"version": cv2.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
