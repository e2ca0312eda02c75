"""Adds the networks to a CycloneDX bill of materials: what runs here is not packages alone.

python deploy/add_models_to_sbom.py sbom.json
"""

import json
import sys
from pathlib import Path

from veridical.models import list_cards


def main() -> None:
    """Write every card's network into the file as a `machine-learning-model` component."""
    path = Path(sys.argv[1])
    bill = json.loads(path.read_text(encoding="utf-8"))
    bill["components"] += [
        {
            "type": "machine-learning-model",
            "bom-ref": f"model:{card.name}",
            "name": card.name,
            "description": card.task,
            "hashes": [{"alg": "SHA-256", "content": card.file.sha256}],
            "licenses": [{"license": {"name": card.licence}}],
            "properties": [
                {"name": "veridical:commercial", "value": card.commercial},
                {"name": "veridical:provenance", "value": card.provenance},
            ],
        }
        for card in list_cards()
    ]
    path.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
