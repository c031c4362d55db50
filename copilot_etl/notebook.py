"""A marimo notebook: five questions to the published file, answered with pandas and Altair.

`copilot-etl notebook` opens it. It reads marts only, opens the file read-only, and names nobody.
"""

import marimo

app = marimo.App(width="medium", app_title="Five questions to the Copilot marts")


@app.cell
def opening():
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    published = Path(mo.cli_args().get("published") or "data/published/copilot.duckdb")
    marts = duckdb.connect(published, read_only=True)
    return alt, marts, mo


@app.cell
def choice(marts, mo):
    names = [name for (name,) in marts.execute("select distinct scope from marts.adoption_daily order by 1").fetchall()]
    scope = mo.ui.dropdown(names or ["(all organizations)"], value=(names or ["(all organizations)"])[0], label="Scope")
    mo.vstack([mo.md("# Five questions to the Copilot marts"), scope])
    return (scope,)


@app.cell
def question_growth(alt, marts, mo, scope):
    # Weeks that are not complete would look like a decline.
    growth = marts.execute(
        "select week_start_monday, new_users, returning_users, active_users, average_daily_active_users "
        "from marts.adoption_weekly where scope = ? and is_complete order by week_start_monday",
        [scope.value],
    ).df()
    mo.vstack(
        [
            mo.md("## 1. Is it growing?\nPeople by complete ISO week: seen before, or for the first time."),
            alt.Chart(growth.melt("week_start_monday", ["returning_users", "new_users"], "people", "count"))
            .mark_bar()
            .encode(
                x=alt.X(
                    "yearmonthdate(week_start_monday):O", title="Week of", axis=alt.Axis(format="%d %b", labelAngle=0)
                ),
                y=alt.Y("count:Q", title="People"),
                color=alt.Color("people:N", title=None, scale=alt.Scale(range=["#a3cfc8", "#00695c"])),
                tooltip=["week_start_monday:T", "people:N", "count:Q"],
            )
            .properties(width="container", height=240),
        ]
    )
    return (growth,)


@app.cell
def question_stay(alt, marts, mo, scope):
    # Sums of cohorts, then divided: a mean of rates would count a cohort of two like one of two hundred.
    stay = marts.execute(
        "select weeks_since, sum(cohort_size)::bigint as first_seen, sum(retained_users)::bigint as seen_again, "
        "sum(retained_users) / nullif(sum(cohort_size), 0) as share "
        "from marts.retention_cohorts where scope = ? and not is_first_week_of_history "
        "group by weeks_since order by weeks_since",
        [scope.value],
    ).df()
    mo.vstack(
        [
            mo.md("## 2. Do newcomers stay?\nOf the people first seen in a week, the share seen so many weeks later."),
            alt.Chart(stay)
            .mark_line(point=True, color="#00695c")
            .encode(
                x=alt.X("weeks_since:O", title="Weeks since the first", axis=alt.Axis(labelAngle=0)),
                y=alt.Y("share:Q", title="Seen again", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])),
                tooltip=["weeks_since", "seen_again", "first_seen", alt.Tooltip("share", format=".1%")],
            )
            .properties(width="container", height=240),
        ]
    )
    return (stay,)


@app.cell
def question_languages(alt, marts, mo, scope):
    languages = marts.execute(
        "select language_canonical, sum(accepted)::bigint as accepted, sum(suggested)::bigint as suggested, "
        "sum(accepted) / nullif(sum(suggested), 0) as rate "
        "from marts.completion_acceptance_language_weekly where scope = ? "
        "group by language_canonical having sum(suggested) >= 500 order by rate desc",
        [scope.value],
    ).df()
    mo.vstack(
        [
            mo.md("## 3. In which languages are completions accepted?\nAccepted of suggested; at least 500 suggested."),
            alt.Chart(languages)
            .mark_bar(color="#4f9d92")
            .encode(
                x=alt.X("rate:Q", title="Accepted", axis=alt.Axis(format=".0%")),
                y=alt.Y("language_canonical:N", title=None, sort="-x"),
                tooltip=["language_canonical", "accepted", "suggested", alt.Tooltip("rate", format=".1%")],
            )
            .properties(width="container"),
        ]
    )
    return (languages,)


@app.cell
def question_models(alt, marts, mo, scope):
    models = marts.execute(
        "select week_start_monday, model_canonical, chat_interactions, chat_interactions_of_week, "
        "share_of_chat_interactions as share from marts.model_mix where scope = ? and chat_interactions > 0 "
        "order by week_start_monday, model_canonical",
        [scope.value],
    ).df()
    mo.vstack(
        [
            mo.md("## 4. Which models do people turn to?\nShare of chat prompts in editors by week."),
            alt.Chart(models)
            .mark_line()
            .encode(
                x=alt.X("week_start_monday:T", title="Week of"),
                y=alt.Y("share:Q", title="Of chat prompts", axis=alt.Axis(format=".0%")),
                color=alt.Color("model_canonical:N", title=None),
                tooltip=[
                    *("week_start_monday:T", "model_canonical", "chat_interactions", "chat_interactions_of_week"),
                    alt.Tooltip("share", format=".1%"),
                ],
            )
            .properties(width="container", height=280),
        ]
    )
    return (models,)


@app.cell
def question_credits(alt, marts, mo, scope):
    # Positions instead of logins: the question is how uneven it is, not who it is.
    credits = marts.execute(
        "select row_number() over (order by ai_credits_used desc) as place, count(*) over () as people, "
        "ai_credits_used::double as credits, "
        "(sum(ai_credits_used) over (order by ai_credits_used desc rows unbounded preceding) "
        "/ nullif(sum(ai_credits_used) over (), 0))::double as share_so_far "
        "from marts.ai_credits_user_month where scope = ? and ai_credits_used > 0 "
        "and month_start = (select max(month_start) from marts.ai_credits_user_month where scope = ?) order by place",
        [scope.value, scope.value],
    ).df()
    mo.vstack(
        [
            mo.md("## 5. How evenly are AI credits used?\nThis month's credits, added up from whoever used most."),
            alt.Chart(credits)
            .mark_area(color="#a3cfc8", line={"color": "#00695c"})
            .encode(
                x=alt.X("place:Q", title="People, those who used most first"),
                y=alt.Y("share_so_far:Q", title="Of all credits", axis=alt.Axis(format=".0%")),
                tooltip=["place", "people", "credits", alt.Tooltip("share_so_far", format=".1%")],
            )
            .properties(width="container", height=240),
        ]
    )
    return (credits,)


if __name__ == "__main__":
    app.run()
