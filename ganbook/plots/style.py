"""Colours and marks. The colours are Okabe and Ito's, which colour-blind readers can tell apart."""

BLUE, VERMILLION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"

# Okabe and Ito, "Color Universal Design" (2008), with black last.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
