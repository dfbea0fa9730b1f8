"""How much of what must not leave is masked, on sentences generated with seeds that no test uses, and how long it takes.

python bench/redaction.py [--seeds 10] [--count 200]
"""

from __future__ import annotations

import argparse
import time

from llm_service import naming
from llm_service.redaction import Redactor
from tests.unit.llm_service.private_sentences import Maker, leaks


def main() -> None:
    """Print the figures of every seed, the sum, and the sentences that leak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=1000)
    asked = parser.parse_args()
    naming.load()
    shares, exact, spent = [], 0, 0.0
    for seed in range(asked.first, asked.first + asked.seeds):
        masked_well = 0
        for sentence in Maker(seed).sentences(asked.count):
            redactor, began = Redactor(), time.process_time()
            masked = redactor.mask(sentence.text)
            spent += time.process_time() - began
            exact += redactor.restore(masked) == sentence.text
            leaked = [private for private in sentence.private if leaks(masked, private)]
            masked_well += not leaked
            if leaked:
                print(f"  leaks {leaked}: {sentence.text}")
        shares.append(masked_well / asked.count)
        print(f"seed {seed}: {shares[-1]:.3f} masked")
    total = asked.seeds * asked.count
    print(f"masked {sum(shares) / len(shares):.4f}, worst seed {min(shares):.3f}, restored exactly {exact} of {total}")
    print(f"{1000 * spent / total:.2f} ms of processor time a sentence")


if __name__ == "__main__":
    main()
