"""What is frozen into a firmware image (`make FROZEN_MANIFEST=…/firmware/manifest.py`)."""

metadata(description="Cobenefit node", version="0.1.0", license="Apache-2.0")  # noqa: F821
require("ntptime")  # noqa: F821
module("main.py", base_path=".")  # noqa: F821
package("cobenefit_wire", base_path=".")  # noqa: F821
package("cobenefit_node", base_path=".")  # noqa: F821
