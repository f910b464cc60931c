namespace Fleet.Modeling.Evaluation;

/// <summary>The style sheet of the report page: one accent for each profile, the same in charts and tables, in light and dark.</summary>
internal static class ReportStyle
{
    /// <summary>The sheet.</summary>
    public const string Sheet = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --ink: #16191f; --muted: #5c6470; --faint: #8a919c; --line: #e3e6eb; --grid: #eceef2;
          --teacher: #6b7280; --student: #16191f; --p0: #2563c9; --p1: #0f8a68; --p2: #c2570c; --p3: #8b3fc1; --p4: #b0275f;
          --good: #0f7a4d; --good-wash: #e5f4ec; --bad: #b3261e; --bad-wash: #fbeae9;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #101216; --card: #181b21; --ink: #eceef2; --muted: #a0a8b4; --faint: #7a828e; --line: #2a2f38; --grid: #23272f;
            --teacher: #9aa3b0; --student: #eceef2; --p0: #6ea0f5; --p1: #3fbf95; --p2: #f0914a; --p3: #bb86ec; --p4: #ec7fae;
            --good: #5fd39b; --good-wash: #16301f; --bad: #ff8f87; --bad-wash: #3a1c1b;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        main { max-width: 1080px; margin: 0 auto; padding: 48px 24px 72px; }
        h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 10px; font-weight: 680; }
        h2 { font-size: 18px; letter-spacing: -0.01em; margin: 0 0 4px; font-weight: 640; }
        p { margin: 0; }
        .kicker { color: var(--muted); font-size: 13px; margin-bottom: 6px; }
        .lead { color: var(--muted); max-width: 72ch; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 24px 26px; margin-top: 20px; }
        .note { color: var(--muted); font-size: 13.5px; max-width: 82ch; }
        figure { margin: 16px 0 0; }
        svg { display: block; width: 100%; height: auto; overflow: visible; font: 12px system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 1px; padding: 0; background: var(--line); overflow: hidden; margin-top: 28px; }
        .figures div { background: var(--card); padding: 18px 22px 20px; }
        .figures .label { color: var(--muted); font-size: 13px; }
        .figures .value { font-size: 28px; line-height: 1.3; letter-spacing: -0.02em; font-weight: 640; }
        .scroll { overflow-x: auto; margin-top: 14px; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
        th { text-align: left; font-weight: 500; font-size: 12.5px; color: var(--muted); border-bottom: 1px solid var(--line); padding: 6px 10px; white-space: nowrap; }
        td { border-top: 1px solid var(--line); padding: 9px 10px; white-space: nowrap; }
        tbody tr:first-child td { border-top: 0; }
        th:first-child, td:first-child { padding-left: 0; }
        th:last-child, td:last-child { padding-right: 0; }
        .n { text-align: right; }
        .none { color: var(--faint); }
        tr.float td { color: var(--muted); }
        tr.rejected td { color: var(--muted); }
        tr.reasons td { border-top: 0; padding: 0 0 10px 21px; white-space: normal; color: var(--muted); font-size: 13px; }
        tr.reasons ul { margin: 0; padding: 0; list-style: none; max-width: 96ch; }
        .mark { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 11px; }
        .verdict { display: inline-block; border-radius: 999px; padding: 1px 10px 2px; font-size: 12.5px; font-weight: 560; }
        .yes { color: var(--good); background: var(--good-wash); }
        .no { color: var(--bad); background: var(--bad-wash); }
        dl { display: grid; grid-template-columns: minmax(120px, 200px) 1fr; gap: 10px 24px; margin: 14px 0 0; font-size: 14px; }
        dt { font-weight: 560; }
        dd { margin: 0; color: var(--muted); max-width: 76ch; }
        details { margin-top: 24px; color: var(--muted); font-size: 13.5px; }
        summary { cursor: pointer; }
        details p { margin-top: 10px; overflow-wrap: anywhere; }
        pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; overflow-x: auto; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; color: var(--ink); }
        .grid { stroke: var(--grid); } .axis { stroke: var(--line); }
        .tick { fill: var(--muted); } .name, .quiet { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; } .quiet { fill: var(--muted); }
        .front { fill: none; stroke: var(--faint); stroke-width: 1.5; stroke-dasharray: 4 4; }
        .leader { stroke: var(--faint); stroke-width: 1; }
        .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .mark-teacher { --c: var(--teacher); } .mark-student { --c: var(--student); }
        .p0 { --c: var(--p0); } .p1 { --c: var(--p1); } .p2 { --c: var(--p2); } .p3 { --c: var(--p3); } .p4 { --c: var(--p4); }
        span.mark { background: var(--c); }
        .dot { fill: var(--c); stroke: var(--card); stroke-width: 2; } .dot.hollow { fill: var(--card); stroke: var(--c); }
        .bar { fill: var(--c); } .whisker { stroke: var(--c); stroke-width: 2; opacity: .55; } .stroke { stroke: var(--c); }
        @media (max-width: 640px) { main { padding: 28px 14px 48px; } section { padding: 18px 16px; } dl { grid-template-columns: 1fr; gap: 2px; } dd { margin-bottom: 10px; } }
        @media print { body { background: none; } section { break-inside: avoid; } }
        """;
}
