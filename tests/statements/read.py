#!/usr/bin/env python3
"""Reads statements in every format with other people's programs and compares them.

usage: read.py FOLDER [SCHEMA]

Each folder below FOLDER holds one statement: statement.json, as the API gives it, is the measure;
statement.csv, .ofx (ofxtools), .xlsx (openpyxl), .xml (camt.053; with SCHEMA also xmllint) and .pdf
(pdftotext) must say the same, entry by entry, and add up. Exit 1 names what differs.
"""

import csv
import subprocess
import sys
import warnings
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO, StringIO
from json import loads
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
from ofxtools.Parser import OFXTree

CAMT = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
KINDS = {
    "deposit": "Deposit",
    "withdrawal": "Withdrawal",
    "transfer": "Transfer",
    "batch": "Transfer",
    "open_account": "Opening deposit",
}


def same(what, found, expect):
    if found != expect:
        raise AssertionError(f"{what}: {found!r} instead of {expect!r}")


def amount(entry):
    value = Decimal(entry["amount"]["amount"])
    return -value if entry["direction"] == "debit" else value


def at(entry):
    return datetime.fromisoformat(entry["booked_at"].replace("Z", "+00:00"))


def in_xml(text):
    """What XML cannot carry is replaced."""
    return "".join("\ufffd" if c in "\ufffe\uffff" else c for c in text)


def check_json(whole):
    opening = Decimal(whole["opening_balance"]["amount"])
    balance = opening
    for entry in whole["entries"]:
        balance += amount(entry)
        same("running balance", Decimal(entry["balance"]["amount"]), balance)
    same("closing balance", Decimal(whole["closing_balance"]["amount"]), balance)
    net = Decimal(whole["credits"]["amount"]) - Decimal(whole["debits"]["amount"])
    same("totals", opening + net, balance)


def check_csv(path, whole):
    raw = path.read_bytes()
    if raw.count(b"\n") != raw.count(b"\r\n"):
        raise AssertionError("a line does not end as RFC 4180 has it")
    rows = list(csv.DictReader(StringIO(raw.decode("utf-8"), newline="")))
    same("rows", [row["row"] for row in rows],
         ["opening"] + ["entry"] * len(whole["entries"]) + ["closing"])
    same("opening", rows[0]["balance"], whole["opening_balance"]["amount"])
    same("closing", rows[-1]["balance"], whole["closing_balance"]["amount"])
    for text in (whole["number"], whole["code"]):
        if text not in rows[0]["description"]:
            raise AssertionError(f"{text} is not in {rows[0]}")
    for row, entry in zip(rows[1:-1], whole["entries"]):
        same("amount", Decimal(row["amount"]), amount(entry))
        same("balance", row["balance"], entry["balance"]["amount"])
        same("booked", row["booked_at"], entry["booked_at"])
        text = row["description"]
        same("description", text[1:] if text.startswith("'") else text, entry["description"])
        for field, value in row.items():
            number = field in ("amount", "balance")
            if not number and value[:1] in ("=", "+", "-", "@", "\uff1d"):
                raise AssertionError(f"a spreadsheet would run {value!r}")


def check_xlsx(path, whole):
    book = openpyxl.load_workbook(BytesIO(path.read_bytes()))
    sheet = book.active
    rows = list(sheet.iter_rows())
    for row in rows:
        for cell in row:
            if cell.data_type == "f" or cell.hyperlink:
                raise AssertionError(f"{cell.coordinate} is a formula or a link: {cell.value!r}")
    facts = {row[0].value: row[1].value for row in rows[:8]}
    same("number", facts["Statement"], whole["number"])
    same("code", facts["Code"], whole["code"])
    head = next(i for i, row in enumerate(rows) if row[0].value == "Number")
    table = rows[head + 1:]
    same("rows", len(table), len(whole["entries"]) + 2)
    decimals = whole["opening_balance"]["amount"].partition(".")[2]
    style = "#,##0" + ("." + "0" * len(decimals) if decimals else "")

    def money(cell, expect):
        same("type of a sum", cell.data_type, "n")
        same("format", cell.number_format, f"{style};[Red]-{style}")
        same("sum", Decimal(repr(cell.value)), Decimal(expect))

    money(table[0][8], whole["opening_balance"]["amount"])
    money(table[-1][8], whole["closing_balance"]["amount"])
    for row, entry in zip(table[1:-1], whole["entries"]):
        same("number", row[0].value, entry["number"])
        same("is a date", row[1].is_date, True)
        off = abs(row[1].value.replace(tzinfo=timezone.utc) - at(entry))
        if off > timedelta(milliseconds=2):
            raise AssertionError(f"booked: {row[1].value} instead of {entry['booked_at']}")
        text = (row[2].value or "").replace("_xFFFF_", "\uffff")
        same("description", text, entry["description"])
        same("kind", row[3].value, KINDS.get(entry["kind"], row[3].value))
        money(row[7], amount(entry))
        money(row[8], entry["balance"]["amount"])
    same("created", book.properties.created.year < 2100, True)


def check_ofx(path, whole):
    raw = path.read_bytes()
    same("version", b'VERSION="220"' in raw.splitlines()[1], True)
    tree = OFXTree()
    tree.parse(BytesIO(raw))
    ofx = tree.convert()
    statement = ofx.statements[0]
    same("account", statement.account.acctid, whole["account"])
    same("currency", statement.curdef, whole["closing_balance"]["currency"])
    same("closing", statement.ledgerbal.balamt, Decimal(whole["closing_balance"]["amount"]))
    same("opening", statement.ballist[0].value, Decimal(whole["opening_balance"]["amount"]))
    same("entries", len(statement.transactions), len(whole["entries"]))
    for text in (whole["number"], whole["code"]):
        if text not in statement.mktginfo:
            raise AssertionError(f"{text} is not in {statement.mktginfo}")
    balance = statement.ballist[0].value
    for found, entry in zip(statement.transactions, whole["entries"]):
        same("id", found.fitid, str(entry["number"]))
        same("amount", found.trnamt, amount(entry))
        same("booked", found.dtposted, at(entry))
        same("memo", found.memo or "", in_xml(entry["description"]))
        balance += found.trnamt
    same("opening and entries", balance, statement.ledgerbal.balamt)


def check_camt(path, whole, schema):
    if schema:
        done = subprocess.run(["xmllint", "--noout", "--schema", schema, str(path)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr[:2000])
    root = ElementTree.fromstring(path.read_bytes())
    statement = root.find("c:BkToCstmrStmt/c:Stmt", CAMT)

    def text(element, where):
        found = element.find("/".join("c:" + part for part in where.split("/")), CAMT)
        return None if found is None else found.text or ""

    def signed(element):
        value = Decimal(text(element, "Amt"))
        return -value if text(element, "CdtDbtInd") == "DBIT" else value

    same("id", text(statement, "Id"), whole["number"])
    same("account", text(statement, "Acct/Id/Othr/Id"), whole["account"])
    balances = {text(b, "Tp/CdOrPrtry/Cd"): b for b in statement.findall("c:Bal", CAMT)}
    end = "ITBD" if whole["provisional"] else "CLBD"
    same("balances", sorted(balances), sorted(["OPBD", end]))
    same("opening", signed(balances["OPBD"]), Decimal(whole["opening_balance"]["amount"]))
    same("closing", signed(balances[end]), Decimal(whole["closing_balance"]["amount"]))
    same("first day", text(balances["OPBD"], "Dt/Dt"), whole["from"])
    same("last day", text(balances[end], "Dt/Dt"), whole["to"])
    found = statement.findall("c:Ntry", CAMT)
    same("entries", len(found), len(whole["entries"]))
    same("count", text(statement, "TxsSummry/TtlNtries/NbOfNtries"), str(len(found)))
    same("credits", Decimal(text(statement, "TxsSummry/TtlCdtNtries/Sum")),
         Decimal(whole["credits"]["amount"]))
    balance = signed(balances["OPBD"])
    for element, entry in zip(found, whole["entries"]):
        same("reference", text(element, "NtryRef"), str(entry["number"]))
        same("amount", signed(element), amount(entry))
        same("currency", element.find("c:Amt", CAMT).get("Ccy"), entry["amount"]["currency"])
        same("booked", text(element, "BookgDt/DtTm"), entry["booked_at"])
        what_for = text(element, "NtryDtls/TxDtls/RmtInf/Ustrd") or ""
        same("description", what_for, in_xml(entry["description"]))
        balance += signed(element)
    same("opening and entries", balance, signed(balances[end]))


def check_pdf(path, whole):
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
    text = done.stdout.decode("utf-8")
    words = " ".join(text.split())
    for expect in (whole["number"], whole["code"], "End of the statement", "Page 1 of "):
        if expect not in words:
            raise AssertionError(f"{expect!r} is not on the pages")

    def figure(value):
        number = Decimal(value)
        return f"{abs(number):,}" if number >= 0 else f"\u2212{abs(number):,}"

    lines = text.splitlines()
    place = 0
    for entry in whole["entries"]:
        number, shown = str(entry["number"]), entry["booked_at"][:19].replace("T", " ")
        while place < len(lines) and not (lines[place].split()[:1] == [number]
                                          and shown in lines[place]):
            place += 1
        if place == len(lines):
            raise AssertionError(f"entry {number} is not on the pages")
        same("end of the row", lines[place].split()[-2:],
             [figure(amount(entry)), figure(entry["balance"]["amount"])])
    for field in ("opening_balance", "closing_balance"):
        if f"{figure(whole[field]['amount'])} {whole[field]['currency']}" not in words:
            raise AssertionError(f"the {field} is not on the pages")


def main():
    warnings.simplefilter("ignore")
    folder, schema = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    checked, entries, wrong = 0, 0, 0
    for place in sorted(folder.iterdir()):
        whole = loads((place / "statement.json").read_text())
        checks = [
            ("json", lambda: check_json(whole)),
            ("csv", lambda: check_csv(place / "statement.csv", whole)),
            ("xlsx", lambda: check_xlsx(place / "statement.xlsx", whole)),
            ("ofx", lambda: check_ofx(place / "statement.ofx", whole)),
            ("camt", lambda: check_camt(place / "statement.xml", whole, schema)),
            ("pdf", lambda: check_pdf(place / "statement.pdf", whole)),
        ]
        for name, check in checks:
            try:
                check()
            except AssertionError as error:
                wrong += 1
                print(f"{place.name}: {whole['number']} as {name}: {error}", file=sys.stderr)
        checked += 1
        entries += len(whole["entries"])
    schema_words = "validated against the schema" if schema else "without the schema"
    print(f"{checked} statements, {entries} entries, camt.053 {schema_words}: {wrong} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
