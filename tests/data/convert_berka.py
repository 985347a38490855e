#!/usr/bin/env python3
"""Turns the development data into a file for `ballast replay`.

    zstdcat berka_dev_354acc.csv.zst | tests/data/convert_berka.py > berka.csv

Input (stdin): the CSV of the PKDD'99 Discovery Challenge extract, with at least the columns
account_id, date, direction, amount_cents, rounding_cents and balance_cents.
Output (stdout): account,date,direction,amount,balance,purpose. The bank that published the data
kept hidden decimals, so some of its balances are off by ten cents from the amounts; each such
difference becomes a line of its own with purpose `rounding`. Nothing is changed to make it fit: a
row whose balance does not follow ends the program with exit 1, and so do wrong control totals.

Control totals go to stderr. They are checked when the input is the whole extract (30,200 rows);
a part of it, as in tests, has others.
"""

import csv
import sys
from collections import defaultdict

WHOLE = {
    "rows": 30_200,
    "accounts": 354,
    "credits": 14_308_723_200,
    "debits": 12_807_438_580,
    "rounding": -2_730,
    "balances": 1_501_281_890,
}


def decimal(cents):
    """165.88 for 16588, exactly."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def convert(source, sink):
    """Writes the converted rows and returns the control totals."""
    reader = csv.DictReader(source)
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["account", "date", "direction", "amount", "balance", "purpose"])
    balances = defaultdict(int)
    totals = dict.fromkeys(("rows", "credits", "debits", "rounding", "rounding_lines"), 0)

    def post(row, direction, amount, purpose):
        account = row["account_id"]
        balances[account] += amount if direction == "credit" else -amount
        balance = decimal(balances[account])
        writer.writerow([account, row["date"], direction, decimal(amount), balance, purpose])

    for row in reader:
        where = f"line {reader.line_num}"
        amount, rounding = int(row["amount_cents"]), int(row["rounding_cents"])
        direction = row["direction"]
        if amount <= 0 or direction not in ("credit", "debit"):
            sys.exit(f"{where}: amount {amount} {direction!r} is not a posting")
        purpose = row.get("k_symbol") or row.get("operation") or ""
        post(row, direction, amount, purpose)
        if rounding:
            post(row, "credit" if rounding > 0 else "debit", abs(rounding), "rounding")
            totals["rounding_lines"] += 1
        if balances[row["account_id"]] != int(row["balance_cents"]):
            sys.exit(f"{where}: the balance does not follow from the row before")
        totals["rows"] += 1
        totals["credits" if direction == "credit" else "debits"] += amount
        totals["rounding"] += rounding
    totals["accounts"] = len(balances)
    totals["balances"] = sum(balances.values())
    return totals


def main():
    totals = convert(sys.stdin, sys.stdout)
    for name, value in totals.items():
        print(f"{name:15}{value:>18,}", file=sys.stderr)
    expected_balances = totals["credits"] - totals["debits"] + totals["rounding"]
    if totals["balances"] != expected_balances:
        sys.exit(f"balances add up to {totals['balances']}, not to {expected_balances}")
    if totals["rows"] == WHOLE["rows"]:
        wrong = [name for name, value in WHOLE.items() if totals[name] != value]
        if wrong:
            sys.exit(f"control totals differ: {', '.join(wrong)}")
        print("control totals agree with the published ones", file=sys.stderr)


if __name__ == "__main__":
    main()
