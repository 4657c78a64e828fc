"""Between pandas and Arrow without copying: frames whose columns are Arrow arrays."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Flags = npt.NDArray[np.bool_]


def to_frame(rows: pa.RecordBatch) -> pd.DataFrame:
    """A frame over the batch's own memory."""
    frame: pd.DataFrame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def to_array(column: pd.Series) -> pa.Array:
    """The Arrow array behind a column, in one piece."""
    array = pa.array(column)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def to_column(array: pa.Array) -> pd.api.extensions.ExtensionArray:
    """An Arrow array as something that can be assigned to a frame's column."""
    return pd.arrays.ArrowExtensionArray(array)


def to_flags(condition: pa.Array) -> Flags:
    """A nullable condition as plain flags; null is not true."""
    # Many times faster than filling the nulls: it works on bits.
    is_true = pc.and_kleene(condition.is_valid(), condition)
    flags: Flags = is_true.to_numpy(zero_copy_only=False)
    return flags
