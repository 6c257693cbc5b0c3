"""Figures that move, and a quiz, in HTML that needs neither Python nor a network.

`frames` draws the frames once, when the cell runs. What it returns is one piece of HTML with the pictures,
native controls (a button for Play, two for single steps, a slider) and fifty lines of JavaScript. That piece
is all there is, so the figure works wherever HTML is shown: in the built book with the network off or opened
from a folder, in JupyterLab, in Colab, in a page made by nbconvert. `two_sliders` does the same for pictures
that depend on two things, each with a slider of its own; `convolution` computes in the page what a kernel
does that the reader moves; `quiz.real_or_fake` asks a reader which pictures are real.

Why not ipywidgets? Its controls without Python (`Stack` and `jslink`) need the widget manager and RequireJS,
megabytes of script that the page must bring along or ask another host for, and without them nothing is shown
at all. Here a page without JavaScript (a preview, a print, a notebook that is not trusted) shows the first
frame. And native controls come with what a reader without a mouse needs: keyboard, focus, role and value.

Nothing moves by itself. Play starts at the reader's wish and stops at the last frame, so there is nothing to
switch off for those who asked their system for less motion (`prefers-reduced-motion`).
"""

from ganbook.widgets import quiz
from ganbook.widgets.convolution import Convolution, convolution
from ganbook.widgets.frames import Frames, frames
from ganbook.widgets.sliders import TwoSliders, two_sliders

__all__ = ["Convolution", "Frames", "TwoSliders", "convolution", "frames", "quiz", "two_sliders"]
