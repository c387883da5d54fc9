"""What the columns of the known data sets mean: units, orders, and who cannot act on them."""

from __future__ import annotations

from typing import Any, TypeAlias

Columns: TypeAlias = dict[str, dict[str, Any]]

# The labels of the South German Credit codes, in the order of the codes, from its code table.
SOUTH_GERMAN_LABELS: dict[str, dict[int, str]] = {
    "status": {
        1: "no checking account",
        2: "... < 0 DM",
        3: "0<= ... < 200 DM",
        4: "... >= 200 DM / salary for at least 1 year",
    },
    "duration": {},
    "credit_history": {
        0: "delay in paying off in the past",
        1: "critical account/other credits elsewhere",
        2: "no credits taken/all credits paid back duly",
        3: "existing credits paid back duly till now",
        4: "all credits at this bank paid back duly",
    },
    "purpose": {
        0: "others",
        1: "car (new)",
        2: "car (used)",
        3: "furniture/equipment",
        4: "radio/television",
        5: "domestic appliances",
        6: "repairs",
        7: "education",
        8: "vacation",
        9: "retraining",
        10: "business",
    },
    "amount": {},
    "savings": {
        1: "unknown/no savings account",
        2: "... <  100 DM",
        3: "100 <= ... <  500 DM",
        4: "500 <= ... < 1000 DM",
        5: "... >= 1000 DM",
    },
    "employment_duration": {
        1: "unemployed",
        2: "< 1 yr",
        3: "1 <= ... < 4 yrs",
        4: "4 <= ... < 7 yrs",
        5: ">= 7 yrs",
    },
    "installment_rate": {1: ">= 35", 2: "25 <= ... < 35", 3: "20 <= ... < 25", 4: "< 20"},
    "personal_status_sex": {
        1: "male : divorced/separated",
        2: "female : non-single or male : single",
        3: "male : married/widowed",
        4: "female : single",
    },
    "other_debtors": {1: "none", 2: "co-applicant", 3: "guarantor"},
    "present_residence": {
        1: "< 1 yr",
        2: "1 <= ... < 4 yrs",
        3: "4 <= ... < 7 yrs",
        4: ">= 7 yrs",
    },
    "property": {
        1: "unknown / no property",
        2: "car or other",
        3: "building soc. savings agr./life insurance",
        4: "real estate",
    },
    "age": {},
    "other_installment_plans": {1: "bank", 2: "stores", 3: "none"},
    "housing": {1: "for free", 2: "rent", 3: "own"},
    "number_credits": {1: "1", 2: "2-3", 3: "4-5", 4: ">= 6"},
    "job": {
        1: "unemployed/unskilled - non-resident",
        2: "unskilled - resident",
        3: "skilled employee/official",
        4: "manager/self-empl./highly qualif. employee",
    },
    "people_liable": {1: "3 or more", 2: "0 to 2"},
    "telephone": {1: "no", 2: "yes (under customer name)"},
    "foreign_worker": {1: "yes", 2: "no"},
    "credit_risk": {0: "bad", 1: "good"},
}
EDUCATION = (
    "Preschool",
    "1st-4th",
    "5th-6th",
    "7th-8th",
    "9th",
    "10th",
    "11th",
    "12th",
    "HS-grad",
    "Some-college",
    "Assoc-voc",
    "Assoc-acdm",
    "Bachelors",
    "Masters",
    "Prof-school",
    "Doctorate",
)


def _ordered(column: str, *, falling: bool = False, **said: Any) -> dict[str, Any]:
    """An ordinal column of the South German Credit data, lowest category first."""
    labels = tuple(SOUTH_GERMAN_LABELS[column].values())
    return {"kind": "ordinal", "categories": labels[::-1] if falling else labels, **said}


GERMAN_CREDIT: Columns = {
    "status": _ordered("status", description="Balance of the checking account, none first"),
    "duration": {"unit": "months", "low": 1},
    "credit_history": {"description": "How earlier credits were paid back"},
    "amount": {"unit": "DM", "low": 0, "description": "Credit amount, monotonically transformed"},
    "savings": _ordered("savings", description="Balance of the savings account, none first"),
    "employment_duration": _ordered("employment_duration"),
    "installment_rate": _ordered(
        "installment_rate", falling=True, unit="% of disposable income", description="Instalment"
    ),
    "personal_status_sex": {"immutable": True},
    "present_residence": _ordered("present_residence"),
    "property": _ordered("property", description="The most valuable property, none first"),
    "age": {"unit": "years", "low": 18, "immutable": True},
    "number_credits": _ordered("number_credits", description="Credits at this bank, this one too"),
    "job": _ordered("job", description="Qualification"),
    "people_liable": _ordered("people_liable", falling=True, description="Dependants"),
    "foreign_worker": {"immutable": True},
}
ADULT: Columns = {
    "age": {"unit": "years", "low": 0, "immutable": True},
    "education": {"kind": "ordinal", "categories": EDUCATION},
    "education_num": {"low": 1, "high": 16, "description": "Education as its place in the order"},
    "race": {"immutable": True},
    "sex": {"immutable": True},
    "native_country": {"immutable": True},
    "capital_gain": {"unit": "USD", "low": 0},
    "capital_loss": {"unit": "USD", "low": 0},
    "hours_per_week": {"unit": "hours per week", "low": 0, "high": 168},
}
HEART: Columns = {
    "age": {"unit": "years", "low": 0, "immutable": True},
    "sex": {"immutable": True},
    "resting_bp": {"unit": "mm Hg", "low": 0},
    "cholesterol": {"unit": "mg/dl", "low": 0},
    "max_heart_rate": {"unit": "beats per minute", "low": 0},
    "st_depression": {"unit": "mm", "description": "ST depression by exercise against rest"},
    "st_slope": {"kind": "ordinal", "categories": ("downsloping", "flat", "upsloping")},
    "vessels_coloured": {"low": 0, "high": 3, "description": "Major vessels seen by fluoroscopy"},
}
CALIFORNIA: Columns = {
    "longitude": {"unit": "° east", "low": -180, "high": 180},
    "latitude": {"unit": "° north", "low": -90, "high": 90},
    "housing_median_age": {"unit": "years", "low": 0},
    "median_income": {"unit": "10 000 USD", "low": 0},
}
BIKE: Columns = {
    "season": {
        "kind": "categorical",
        "categories": (1, 2, 3, 4),
        "description": "1 spring, 2 summer, 3 autumn, 4 winter",
    },
    "yr": {"low": 0, "high": 1, "unit": "years since 2011"},
    "mnth": {"low": 1, "high": 12, "unit": "month"},
    "holiday": {"kind": "boolean"},
    "weekday": {
        "kind": "categorical",
        "categories": tuple(range(7)),
        "description": "0 is Sunday",
    },
    "workingday": {"kind": "boolean", "description": "Neither weekend nor holiday"},
    "weathersit": {
        "kind": "ordinal",
        "categories": (1, 2, 3, 4),
        "description": "1 clear, 2 mist, 3 light rain or snow, 4 heavy rain or snow",
    },
    "temp": {"low": 0, "high": 1, "unit": "of 41 °C"},
    "atemp": {"low": 0, "high": 1, "unit": "of 50 °C", "description": "Felt temperature"},
    "hum": {"low": 0, "high": 1, "description": "Relative humidity"},
    "windspeed": {"low": 0, "high": 1, "unit": "of 67 km/h"},
}
AUTO_MPG: Columns = {
    "displacement": {"unit": "cubic inches", "low": 0},
    "horsepower": {"unit": "hp", "low": 0},
    "weight": {"unit": "lb", "low": 0},
    "acceleration": {"unit": "s", "low": 0, "description": "From 0 to 60 miles per hour"},
    "model_year": {"unit": "years since 1900"},
}
PENGUINS: Columns = {
    "bill_length_mm": {"unit": "mm", "low": 0},
    "bill_depth_mm": {"unit": "mm", "low": 0},
    "flipper_length_mm": {"unit": "mm", "low": 0},
    "body_mass_g": {"unit": "g", "low": 0},
    "sex": {"immutable": True},
}
DIABETES: Columns = {
    "age": {"unit": "years", "low": 0, "immutable": True},
    "sex": {
        "kind": "categorical",
        "immutable": True,
        "description": "Coded 1 and 2",
    },
    "bmi": {"unit": "kg/m²", "low": 0, "description": "Body mass index"},
    "bp": {"unit": "mm Hg", "low": 0, "description": "Mean blood pressure"},
    "s1": {"description": "Total serum cholesterol"},
    "s2": {"description": "Low-density lipoproteins"},
    "s3": {"description": "High-density lipoproteins"},
    "s4": {"description": "Total cholesterol / HDL"},
    "s5": {"description": "Perhaps the logarithm of serum triglycerides"},
    "s6": {"description": "Blood sugar"},
}
IRIS: Columns = {
    name: {"unit": "cm", "low": 0}
    for name in ("sepal length", "sepal width", "petal length", "petal width")
}
DIGITS: Columns = {
    f"pixel_{row}_{column}": {"low": 0, "high": 16} for row in range(8) for column in range(8)
}
