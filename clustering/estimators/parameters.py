"""Parameters of estimators: the type of each, annotated with what scikit-learn checks it against."""

from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, TypeAlias, get_origin, get_type_hints

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

_ONE_OR_MORE = Interval(Integral, 1, None, closed="left")
Count: TypeAlias = Annotated[int, _ONE_OR_MORE]
CountOrNone: TypeAlias = Annotated[int | None, _ONE_OR_MORE, None]
CountOrZero: TypeAlias = Annotated[int, Interval(Integral, 0, None, closed="left")]
NotNegative: TypeAlias = Annotated[float, Interval(Real, 0, None, closed="left")]
Positive: TypeAlias = Annotated[float, Interval(Real, 0, None, closed="neither")]
Flag: TypeAlias = Annotated[bool, "boolean"]
Seed: TypeAlias = Annotated[int | np.random.RandomState | None, "random_state"]


class CheckedEstimator(BaseEstimator):
    """An estimator whose parameters are the annotated fields of a dataclass."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hints = get_type_hints(cls, include_extras=True)
        own = {name: list(hint.__metadata__) for name, hint in hints.items() if get_origin(hint) is Annotated}
        cls._parameter_constraints = cls._parameter_constraints | own
        # The signature that `help` shows has plain types.
        plain = get_type_hints(cls)
        cls.__annotations__.update({name: plain[name] for name in cls.__annotations__})
