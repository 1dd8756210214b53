"""What waits of torch, transformers, diffusers and LangGraph while a run is made ready."""

import functools
import gc
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import Any, Self

from omniagent.model.imports.deferral import DeferredModule, Deferring, Rule, StandIn

VARIABLE = "OMNIAGENT_LEAN_IMPORTS"
"""Read before the settings are, since it is about what is imported for them too."""

Function = Callable[..., Any]


@contextmanager
def lean_imports() -> Generator[None]:
    """In its block, what is imported of the large libraries leaves out what a run doesn't use.

    Whatever waits is a module like any other one for the rest of the program: it runs its code when it is first used.
    Modules that were imported before stay as they are. The garbage collector rests, as nothing that is imported is
    garbage, and takes all of it for old afterwards. `OMNIAGENT_LEAN_IMPORTS=0` imports everything whole.
    """
    if os.environ.get(VARIABLE, "1").strip().lower() in ("0", "false", "no", "off"):
        yield
        return
    collecting = gc.isenabled()
    gc.disable()
    try:
        with _deferring():
            yield
    finally:
        if collecting:
            _into_oldest_generation()
            gc.enable()


def _into_oldest_generation() -> None:
    """Spare the collector two rounds through all that was imported, most of a million objects that stay."""
    # What the program froze itself must stay so.
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()


@functools.cache
def _deferring() -> Deferring:
    # One for the process, as it stands in the process's list of finders.
    return Deferring(_rules())


def _rules() -> Mapping[str, Rule]:
    alone = Rule("alone")
    return MappingProxyType(
        {
            # Each of these packages imports every network or hook there is.
            "diffusers.models.transformers": alone,
            "diffusers.models.autoencoders": alone,
            "diffusers.models.unets": alone,
            "diffusers.models.controlnets": alone,
            "diffusers.hooks": alone,
            # Its table of schedulers brings SciPy's statistics.
            "diffusers.loaders.single_file_utils": Rule(
                "whole",
                stands=("convert_*", "create_*", "fetch_*", "load_single_file_checkpoint"),
                made={"SingleFileComponentError": _error("SingleFileComponentError")},
            ),
            "diffusers.utils.import_utils": Rule("never", around=_without_reading_packages),
            # Both read all files of all models to learn their names.
            "transformers": Rule("alone", homes=_TRANSFORMERS, made={"__version__": _version}),
            "transformers.models": alone,
            "transformers.utils": Rule("never", around=_imported_once),
            # Loading one model makes the patterns of the keys of all models, of which it uses a few.
            "transformers.core_model_loading": Rule("never", around=_with_late_patterns),
            "transformers.distributed.tensor_parallel": Rule(
                "whole",
                stands=(
                    "apply_tensor_parallelism",
                    "gather_state_dict_for_save",
                    "get_kv_heads_per_rank",
                    "verify_tp_plan",
                ),
            ),
            "transformers.distributed.expert_parallel": Rule("whole", stands=("apply_expert_parallelism",)),
            "scipy.optimize": Rule("whole", stands=("linear_sum_assignment",)),
            "peft": Rule("whole", stands=("PeftModel",)),
            # Whether a layer has a LoRA is asked at every step.
            "peft.tuners.tuners_utils": Rule("whole", made={"BaseTunerLayer": _kind("BaseTunerLayer")}),
            "torch.export": Rule("whole"),
            # Its `custom_op` reads the source of its caller, and looks for that in all modules there are.
            "torch._library.utils": Rule("never", around=_without_reading_sources),
            "torch.distributed.tensor": Rule(
                "whole", stands=("DTensor", "Shard", "_StridedShard", "compute_local_shape_and_global_offset")
            ),
            "torch.distributed.fsdp": Rule(
                "whole",
                stands=("*Policy", "FSDPModule", "UnshardHandle", "fully_shard", "register_fsdp_forward_method"),
            ),
            "torch.distributed.checkpoint": Rule("whole", stands=("HuggingFaceStorage*",)),
            "torch._dynamo": Rule(
                "whole",
                stands=("OptimizedModule", "TransformGetItemToIndex"),
                made={
                    "allow_in_graph": functools.partial(_marker, "allow_in_graph"),
                    "assume_constant_result": functools.partial(_marker, "assume_constant_result"),
                    "disable": _disabler,
                    "eval_frame": _EvalFrame,
                },
            ),
            # The clients of two services, which LangGraph takes one class each from.
            "langsmith.types": Rule("whole", stands=("RunSelectField",)),
            "langgraph_sdk": alone,
        }
    )


_TRANSFORMERS = MappingProxyType(
    {
        "initialization": "",
        "PreTrainedModel": "modeling_utils",
        "Qwen2_5_VLConfig": "models.qwen2_5_vl.configuration_qwen2_5_vl",
        "Qwen2_5_VLForConditionalGeneration": "models.qwen2_5_vl.modeling_qwen2_5_vl",
        "DynamicCache": "cache_utils",
        "PreTrainedTokenizerBase": "tokenization_utils_base",
        "PreTrainedTokenizerFast": "tokenization_utils_tokenizers",
        "Qwen2Tokenizer": "models.qwen2.tokenization_qwen2",
        "AutoTokenizer": "models.auto.tokenization_auto",
        "AutoImageProcessor": "models.auto.image_processing_auto",
    }
)


def _version(package: DeferredModule) -> str:
    from importlib.metadata import version

    return version(package.__name__)


def _kind(name: str) -> Callable[[DeferredModule], StandIn]:
    return lambda module: StandIn(module, name)


def _error(name: str) -> Callable[[DeferredModule], type[Exception]]:
    """A class of errors that a module's code takes for its own when it has run, as `except` takes no stand-in."""

    def make(module: DeferredModule) -> type[Exception]:
        made: type[Exception] = type(name, (Exception,), {"__module__": module.__name__})
        module.after(lambda real: setattr(real, name, made))
        return made

    return functools.cache(make)


def _marker(name: str, dynamo: DeferredModule) -> Function:
    """A decorator that tells torch's compiler how to read a function or class, which it is told when it is there."""

    def mark(marked: Function) -> Function:
        dynamo.after(lambda real: getattr(real, name)(marked))
        return marked

    return mark


def _applied(decorator: Function, args: tuple[Any, ...], options: dict[str, Any], fn: Function) -> Function:
    return decorator(fn, *args, **options)


def _disabler(dynamo: DeferredModule) -> Function:
    """`torch._dynamo.disable`; as long as the compiler isn't there, it compiles nothing."""

    def disable(fn: Function | None = None, *args: Any, **options: Any) -> Function:
        if fn is None:
            return functools.partial(_applied, disable, args, options)
        real = functools.cache(lambda: getattr(dynamo.run(), "disable")(fn, *args, **options))  # noqa: B009

        @functools.wraps(fn)
        def call(*given: Any, **named: Any) -> Any:
            return fn(*given, **named) if dynamo.waits else real()(*given, **named)

        return call

    return disable


class _EvalFrame:
    """`torch._dynamo.eval_frame`, which libraries ask whether a module is a compiled one."""

    def __init__(self, dynamo: DeferredModule) -> None:
        self._dynamo = dynamo
        self.OptimizedModule = StandIn(dynamo, "OptimizedModule")

    def __getattr__(self, name: str) -> object:
        return getattr(getattr(self._dynamo.run(), "eval_frame"), name)  # noqa: B009


class _Providers(Mapping[str, list[str]]):
    """`importlib.metadata.packages_distributions()`, which reads a file of every installed package, when asked."""

    def __init__(self, read: Callable[[], Mapping[str, list[str]]]) -> None:
        self._read = functools.cache(read)

    def __getitem__(self, name: str) -> list[str]:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


@contextmanager
def _without_reading_packages(module: ModuleType) -> Generator[None]:
    from importlib import metadata

    read: Any = metadata.packages_distributions
    metadata.packages_distributions = lambda: _Providers(read)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        metadata.packages_distributions = read


class _LatePattern:
    """A regular expression that is compiled when it is first used."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._words = pattern, flags

    @functools.cached_property
    def _real(self) -> re.Pattern[str]:
        return re.compile(*self._words)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real, name)

    def __deepcopy__(self, memo: object) -> Self:
        # Like a compiled one, it never changes.
        return self


class _LatePatterns(ModuleType):
    """`re`, whose `compile` leaves the work for later."""

    compile = _LatePattern

    def __getattr__(self, name: str) -> object:
        return getattr(re, name)


@contextmanager
def _with_late_patterns(module: ModuleType) -> Generator[None]:
    yield
    module.__dict__["re"] = _LatePatterns("re")


@contextmanager
def _without_reading_sources(utils: ModuleType) -> Generator[None]:
    """Gives it a `get_source` that takes file and line from the frame, as the whole one does in the end."""
    yield

    def get_source(stacklevel: int) -> str:
        frame = sys._getframe(stacklevel)  # pyright: ignore[reportPrivateUsage]
        return f"{frame.f_code.co_filename}:{frame.f_lineno}"

    utils.__dict__["get_source"] = get_source


@contextmanager
def _imported_once(utils: ModuleType) -> Generator[None]:
    """Without this its `direct_transformers_import` runs the code of the whole package a second time."""
    yield
    utils.__dict__["direct_transformers_import"] = lambda *_, **__: sys.modules["transformers"]  # pyright: ignore[reportUnknownLambdaType]
