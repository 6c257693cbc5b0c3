# What `gb.` offers, and where it is at home: the one table for type checkers, `import`, dir() and __all__.
from ganbook import data as data
from ganbook import diagnostics as diagnostics
from ganbook import evaluation as evaluation
from ganbook import exercises as exercises
from ganbook import losses as losses
from ganbook import metrics as metrics
from ganbook import models as models
from ganbook import penalties as penalties
from ganbook import plots as plots
from ganbook import recipes as recipes
from ganbook import recorded as recorded
from ganbook import training as training
from ganbook import widgets as widgets
from ganbook.data import ImageDataset as ImageDataset
from ganbook.data import PointDataset as PointDataset
from ganbook.data import load_dataset as load_dataset
from ganbook.data.glyphs import spoil as spoil
from ganbook.errors import UserError as UserError
from ganbook.training import History as History
from ganbook.training import TrainConfig as TrainConfig
from ganbook.training import Trainer as Trainer
from ganbook.widgets import quiz as quiz

__version__: str
__all__: list[str]
