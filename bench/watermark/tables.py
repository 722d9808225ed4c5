"""The figures as tables."""

from typing import Any

from bench.watermark.attacks import ATTACKS

_HEAD = """# Figures of the watermark

Measured by `python -m bench.watermark`; written by it, not by hand. The numbers with their dates and the machine are in
`watermark.json`. PSNR is over the three channels of the 8-bit pictures, SSIM scikit-image's mean over 8-bit luma in
windows of 7 × 7. A payload counts as recovered where all of its 64 bits are right. Photographs are parts or reduced
copies of camera originals, one of each file; they are not in this repository.
"""


def render(figures: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [_HEAD]
    sets = {k: v for k, v in figures.items() if k.startswith("pictures")}
    if sets:
        parts += [_quality(sets), _robustness(sets)]
    if "peers" in figures:
        parts.append(_peers(figures["peers"]))
    if "unmarked" in figures:
        u = figures["unmarked"]
        parts.append(
            f"""## False accepts

Trials on pictures without a mark: **{u["found"]} found in {u["trials"]}**, measured {u["measured"]}. A trial is a part
of a photograph, 160 to 260 pixels a side at a random scale, or noise (4 %); two of three went through one of the
attacks above first; half were read with the public key, half each with a key of its own. With no false accept in n
trials the rate is below 3 / n at 95 % confidence. The bound that the detector states with each mark (at most 10⁻⁷) is
far below what trials can show.
"""
        )
    if "speed" in figures:
        parts.append(_speed(figures["speed"]))
    return "\n".join(parts)


def _quality(sets: dict[str, Any]) -> str:
    rows = [
        f"| {r['label']} | {r['n']} | {len(r['refused'])} | {q['psnr_mean']:.2f} | {q['psnr_min']:.2f} | "
        f"{q['psnr_max']:.2f} | {q['ssim_mean']:.4f} | {q['ssim_min']:.4f} |"
        for r in sets.values()
        for q in (r["quality"],)
    ]
    return "\n".join(
        [
            "## Quality",
            "",
            "| pictures | marked | refused | PSNR mean | least | most | SSIM mean | least |",
            "| --- | --: | --: | --: | --: | --: | --: | --: |",
            *rows,
            "",
        ]
    )


def _robustness(sets: dict[str, Any]) -> str:
    head = " | ".join(f"{r['label']} (n = {r['n']})" for r in sets.values())
    rows = []
    for attack in ATTACKS:
        cells = " | ".join(_share(r["survived"][attack.name], r["n"]) for r in sets.values())
        rows.append(f"| {attack.name} | {f'{attack.target} %' if attack.target else ''} | {cells} |")
    wrong = sum(sum(r["wrong"].values()) for r in sets.values())
    return "\n".join(
        [
            "## Recovered",
            "",
            f"| attack | aim | {head} |",
            f"| --- | --: |{' --: |' * len(sets)}",
            *rows,
            "",
            "The aims are for the first column. Crops lie anywhere; `off each side`: off the width and off the height.",
            f"Wrong payloads read, in all of these: {wrong}.",
            "",
        ]
    )


def _share(count: int, n: int) -> str:
    return f"{100 * count / n:.0f} % ({count})" if n else "-"


def _peers(peers: dict[str, Any]) -> str:
    runs = peers["runs"]
    lines = [
        "## Beside packaged methods",
        "",
        f"The same {next(iter(runs.values()))['n']} photographs, 64 bits, each method at its own defaults, measured "
        f"{peers['measured']}. The packages' methods carry no check: they return bits of any picture. "
        + "; ".join(peers["said"])
        + ".",
        "",
        "| | " + " | ".join(runs) + " |",
        f"| --- |{' --: |' * len(runs)}",
    ]
    for label, key, digits in (
        ("PSNR mean", "psnr_mean", 2),
        ("PSNR least", "psnr_min", 2),
        ("SSIM least", "ssim_min", 4),
    ):
        lines.append(f"| {label} | " + " | ".join(f"{r['quality'][key]:.{digits}f}" for r in runs.values()) + " |")
    lines += [
        f"| {what}, CPU s | " + " | ".join(f"{r['cpu_seconds'][what]:.2f}" for r in runs.values()) + " |"
        for what in ("embed", "detect")
    ]
    for attack in ATTACKS:
        cells = " | ".join(f"{r['survived'][attack.name]}/{r['n']}" for r in runs.values())
        lines.append(f"| {attack.name} | {cells} |")
    return "\n".join([*lines, ""])


def _speed(speed: dict[str, Any]) -> str:
    sizes = speed["sizes"]
    names = list(next(iter(sizes.values())))
    return "\n".join(
        [
            "## Speed and memory",
            "",
            f"The best of three, measured {speed['measured']} on: {speed['machine']}; other work ran on it (load "
            f"average {speed['load_average']:.1f}).",
            "",
            "| | " + " | ".join(sizes) + " |",
            f"| --- |{' --: |' * len(sizes)}",
            *(f"| {name} | " + " | ".join(f"{sizes[s][name]:.2f}" for s in sizes) + " |" for name in names),
            "",
        ]
    )
