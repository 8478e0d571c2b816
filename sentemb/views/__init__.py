"""Ways to see a sentence."""

from sentemb.views.view import Edit, Perturbation, View

__all__ = ["Edit", "Perturbation", "View"]
