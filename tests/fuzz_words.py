"""Words that inputs are made of: a product list's header and rows, numbers, and the marks of TOML, CSV, JSON, dates and names."""

from __future__ import annotations

HEADER = b"product,brand,category,subcategory,pack,mrp,price\n"
ROWS = b"Toned Milk,Amul,Dairy & Eggs,,500 ml,30,28.50\nOnion,Farm,Fruits & Vegetables,Vegetables,1 kg,040,35\n"
NUMBERS = (
    b"0",
    b"-1",
    b"1e400",
    b"nan",
    b"inf",
    b"0.005",
    b"9" * 40,
    b"99999999999999999999",
    b"true",
    b"1_0",
    b"0x1F",
)
TOML = (b"[", b"]", b"=", b".", b"\n", b'"', b"{", b"}", b"#", b"'''", b'"\\u0000"', b"2026-01-01T00:00:00Z", *NUMBERS,
        b"[a.a.a]\n", b"[[a]]\n", b"platforms", b"seed", b"batch_size", b"demand", b"closed", b"sales", b"days", b"all",
        b"surge_min_percent", b"category_volatility", b"time_of_day", b"[" * 200, b"a." * 90, b"\xff", b"\xef\xbb\xbf", b"\0",
        b"scenario", b"monsoon", b"none", b"calendar", b"preset", b"realistic", b"max_workers")  # fmt: skip
CSV = (b",", b"\n", b"\r", b"\r\n", b'"', b'""', b";", b"\t", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"=1+1", *NUMBERS,
       b"1,299", "₹99".encode(), "१२".encode(), b"  ", "\u200b".encode(), b"product", b"price", b"mrp", HEADER, ROWS,
       b"x" * 3000)  # fmt: skip
JSON = (b"{", b"}", b"[", b"]", b":", b",", b'"', b"null", b"true", b"{}", b"[]", b'""', b'"body"', b'"sha256"', b'"number"',
        b'"tick"', b'"digest"', b'"epoch"', b'"files"', b'"previous"', b'"head"', b'"epochs"', b'"parameters"', b"\xff",
        b"[" * 3000, *NUMBERS)  # fmt: skip
DATES = (b"*-*-29", b"2026-02-30", b"0000-01-01", b"*", b"#", b"Mumbai")
NAMES = (b"onion", b"'", b'"', b"%", b"_", b"\\", b";", b"--", b"\xff", "\u0301".encode(), "प्याज".encode(), b"1 kg", b"(", b"*",
         b" ", b"\n", b"fruits", b"zepto", b"x" * 500, b"[", b"$1", b"?")  # fmt: skip
