"""hypothesis for the mutation run, as a plugin of pytest: the same few examples each time, and no shrinking."""

from hypothesis import Phase, settings

settings.register_profile(
    "mutation",
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("mutation")
