"""Is a fit right? Verdicts, with the measured error and its bound.

Errors are *numerical*, against a reference solution in higher precision, or *statistical*,
against the truth that the data were made from.
"""

import math
from collections.abc import Sequence

import numpy as np

from backends.base import Fit, Stability
from benchmarks.gate.checks import Malformed, numbers
from benchmarks.gate.correct_digits import count
from benchmarks.gate.descent import descent_checks
from benchmarks.gate.least_squares import COEFFICIENTS, EACH, FITTED, RESIDUAL, Judged
from benchmarks.gate.reference import Reference
from benchmarks.gate.solution import norm
from benchmarks.verdict import Check, Verdict

_REMEDY = (
    "its rank cut-off drops what is small in these units; scale or centre the features, fit in "
    "float64, or lower the cut-off (tol, rcond)"
)

#: From this share of the fit on, its loss shows in the digits of R².
_VISIBLE = 1e-4


def judge(fit: Fit, ref: Reference, stability: Stability) -> Verdict:
    """Hold a fit to the reference and, where there is noise, to the truth.

    A fit with a wrong shape or type, or with values that are not finite, fails. Losses that were
    not asked for are ignored. `stability` says which bound applies to least squares.
    """
    # Absurdly large coefficients overflow to an infinite error, and fail.
    with np.errstate(all="ignore"):
        try:
            weight = numbers("weight", fit.weight, (ref.problem.data.X.shape[1],))
            b = np.append(weight, numbers("bias", fit.bias, ()))
            judged = Judged(b, ref, stability)
            checks = (
                judged.checks() if ref.descent is None else descent_checks(b, fit, ref, ref.descent)
            )
        except Malformed as malformed:
            return Verdict(False, str(malformed), None, None, ())
        failed = next((one for one in checks if not one.passed and one.judged), None)
        open_ = next((one for one in checks if not one.judged), None)
        if failed:
            reason = _why_failed(failed, checks, judged)
        else:
            reason = _why_not_judged(open_, judged) if open_ else ""
        certified = ref.problem.certified
        digits = None if certified is None else count(b, certified, ref, stability)
        r2, best_r2 = judged.r2, ref.best_r2
    first = checks[0]
    error, bound = (first.error, first.bound) if first.name == COEFFICIENTS else (None, None)
    return Verdict(
        passed=not failed and not open_,
        reason=reason,
        weight_error=error,
        bound=bound,
        checks=checks,
        digits=digits,
        judged=bool(failed) or not open_,
        r2=r2,
        best_r2=best_r2,
    )


def _why_failed(failed: Check, checks: Sequence[Check], judged: Judged) -> str:
    """One line: what is wrong, by how much, and what to do about it where that is known."""
    ref = judged.ref
    length, shortest = (norm(v[:-1]) for v in (judged.b, ref.solution.coefficients))
    dependent = ref.solution.basis is not None and not ref.solution.ambiguous
    minimises = any(one.name == FITTED and one.passed for one in checks)
    if dependent and failed.name == COEFFICIENTS and minimises and length > shortest:
        return (
            f"a minimiser, but not the shortest weight: longer by {length - shortest:.1e} than "
            f"{shortest:.4g}"
        )
    if ref.descent is None and not dependent and (lost := judged.lost_features()):
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        return f"loses {shown}: {_explained(judged)}{_REMEDY}"
    subject = "is" if failed.name in (RESIDUAL, EACH) else "are"
    share = ", as a share of what can be explained" if failed.name == RESIDUAL else ""
    matters = ref.descent is None and judged.lost(judged.residual) > _VISIBLE
    return (
        f"{_explained(judged) if matters else ''}{failed.name} {subject} off by "
        f"{failed.error:.1e}{share}, more than the bound {failed.bound:.1e} ({failed.source})"
    )


def _why_not_judged(check: Check, judged: Judged) -> str:
    """One line: why nothing can be said, and what is known all the same."""
    seen = _explained(judged) if judged.ref.descent is None else ""
    if math.isinf(check.bound):
        return f"{seen}{check.source}"
    return (
        f"{seen}{check.name} off by {check.error:.1e}, and rounding alone may reach "
        f"{check.bound:.1e} ({check.source})"
    )


def _explained(judged: Judged) -> str:
    """`R² 0.62 of 0.89; `."""
    r2, best = judged.r2, judged.ref.best_r2
    return "" if r2 is None or best is None else f"R² {r2:.4g} of {best:.4g}; "
