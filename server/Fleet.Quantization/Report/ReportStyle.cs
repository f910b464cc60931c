namespace Fleet.Quantization.Report;

/// <summary>The style sheet of the report page: one accent for each technique, the same in charts and tables, in light and dark.</summary>
internal static class ReportStyle
{
    /// <summary>The sheet.</summary>
    public const string Sheet = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --ink: #16191f; --muted: #5c6470; --faint: #8a919c; --line: #e3e6eb; --grid: #eceef2;
          --teacher: #6b7280; --ink-mark: #16191f; --k0: #2563c9; --k1: #0f8a68; --k2: #b8860b; --k3: #c2470c; --k4: #8b3fc1;
            --k5: #b0275f; --k6: #0b7285; --k7: #7a5c00;
          --good: #0f7a4d; --good-wash: #e5f4ec; --bad: #b3261e; --bad-wash: #fbeae9; --fair: #5c6470; --fair-wash: #eef0f3;
            --warn: #8a5a00; --warn-wash: #fdf3dc;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #101216; --card: #181b21; --ink: #eceef2; --muted: #a0a8b4; --faint: #7a828e; --line: #2a2f38; --grid: #23272f;
            --teacher: #9aa3b0; --ink-mark: #eceef2; --k0: #6ea0f5; --k1: #3fbf95; --k2: #e3b341; --k3: #f5825a; --k4: #bb86ec;
              --k5: #ec7fae; --k6: #55c2d6; --k7: #d9b84a;
            --good: #5fd39b; --good-wash: #16301f; --bad: #ff8f87; --bad-wash: #3a1c1b; --fair: #a0a8b4; --fair-wash: #252a32;
              --warn: #f0c46b; --warn-wash: #33290f;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue",
          Arial, sans-serif; }
        main { max-width: 1200px; margin: 0 auto; padding: 48px 24px 72px; }
        h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 10px; font-weight: 680; }
        h2 { font-size: 18px; letter-spacing: -0.01em; margin: 0 0 4px; font-weight: 640; }
        p { margin: 0; }
        .kicker { color: var(--muted); font-size: 13px; margin-bottom: 6px; }
        .lead { color: var(--muted); max-width: 72ch; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 24px 26px; margin-top: 20px; }
        .warning { color: var(--warn); background: var(--warn-wash); border-radius: 10px; padding: 11px 16px; margin-top: 18px;
          font-size: 14px; }
        .note { color: var(--muted); font-size: 13.5px; max-width: 82ch; }
        figure { margin: 16px 0 0; }
        figcaption { font-size: 13px; font-weight: 560; margin-bottom: 8px; }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); gap: 8px 36px; }
        figcaption span { display: block; color: var(--muted); font-weight: 400; }
        .samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px 24px; }
        .samples figcaption { margin: 6px 0 0; color: var(--muted); font-weight: 400; overflow-wrap: anywhere; }
        .samples svg[shape-rendering] { max-width: 150px; outline: 1px solid var(--line); }
        .samples blockquote { margin: 0; font-size: 14px; overflow-wrap: anywhere; }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 14px; color: var(--muted); font-size: 13px; }
        .legend span { display: inline-flex; align-items: center; }
        svg { display: block; width: 100%; height: auto; overflow: visible; font: 12.5px system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 1px; padding: 0;
          background: var(--line); overflow: hidden; margin-top: 28px; }
        .figures div { background: var(--card); padding: 18px 22px 20px; }
        .figures .label { color: var(--muted); font-size: 13px; }
        .figures .value { font-size: 28px; line-height: 1.3; letter-spacing: -0.02em; font-weight: 640; }
        .scroll { overflow-x: auto; margin-top: 14px; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
        th { text-align: left; font-weight: 500; font-size: 12.5px; color: var(--muted); border-bottom: 1px solid var(--line);
          padding: 6px 8px; white-space: nowrap; }
        td { border-top: 1px solid var(--line); padding: 9px 8px; white-space: nowrap; }
        tbody tr:first-child td { border-top: 0; }
        th:first-child, td:first-child { padding-left: 0; }
        th:last-child, td:last-child { padding-right: 0; }
        .n { text-align: right; }
        .none { color: var(--faint); }
        tr.float td { color: var(--muted); }
        tr.rejected td { color: var(--muted); }
        tr.reasons td { border-top: 0; padding: 0 0 12px 25px; white-space: normal; color: var(--muted); font-size: 13px; }
        tr.reasons ul { margin: 0; padding: 0; list-style: none; max-width: 96ch; }
        td small { display: block; color: var(--muted); font-size: 12px; white-space: normal; }
        .n small { white-space: nowrap; }
        svg.mark { display: inline-block; width: 21px; height: 21px; margin-right: 6px; vertical-align: -5px; flex: none; }
        .verdict { display: inline-block; border-radius: 999px; padding: 1px 10px 2px; font-size: 12.5px; font-weight: 560; }
        .yes { color: var(--good); background: var(--good-wash); }
        .fair { color: var(--fair); background: var(--fair-wash); }
        .no { color: var(--bad); background: var(--bad-wash); }
        dl { display: grid; grid-template-columns: minmax(120px, 200px) 1fr; gap: 10px 24px; margin: 14px 0 0; font-size: 14px; }
        dt { font-weight: 560; }
        dd { margin: 0; color: var(--muted); max-width: 76ch; }
        details.asked { margin-top: 24px; color: var(--muted); font-size: 13.5px; }
        tr.reasons details { margin-top: 4px; }
        table.layers { width: auto; font-size: 12.5px; margin: 6px 0 4px; color: var(--muted); }
        table.layers td, table.layers th { padding: 3px 18px 3px 0; white-space: normal; }
        summary { cursor: pointer; }
        details p { margin-top: 10px; overflow-wrap: anywhere; }
        pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; overflow-x: auto;
          font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; color: var(--ink); }
        .grid { stroke: var(--grid); } .axis { stroke: var(--line); }
        .tick { fill: var(--muted); } .name, .quiet { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 4px;
          stroke-linejoin: round; } .quiet { fill: var(--muted); }
        .front { fill: none; stroke: var(--faint); stroke-width: 1.5; stroke-dasharray: 4 4; }
        .leader { stroke: var(--faint); stroke-width: 1; }
        .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .strong { font-weight: 640; }
        .phase { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 2 3; }
        .mark-teacher { --c: var(--teacher); } .mark-student, .k-fp32 { --c: var(--ink-mark); }
        .k0 { --c: var(--k0); } .k1 { --c: var(--k1); } .k2 { --c: var(--k2); } .k3 { --c: var(--k3); } .k4 { --c: var(--k4); }
        .k5 { --c: var(--k5); } .k6 { --c: var(--k6); } .k7 { --c: var(--k7); }
        .dot { fill: var(--c); stroke: var(--card); stroke-width: 1.5; }
        .dot.hollow { fill: var(--card); stroke: var(--c); stroke-width: 1.8; }
        .curve.mark-teacher { stroke-dasharray: 7 4; }
        .ring { fill: none; stroke: var(--ink); stroke-width: 1.8; } .cross { fill: none; stroke: var(--bad); stroke-width: 1.6; }
        .bar { fill: var(--c); } .whisker { stroke: var(--c); stroke-width: 2; opacity: .55; } .stroke { stroke: var(--c); }
        @media (max-width: 640px) {
          main { padding: 28px 14px 48px; } section { padding: 18px 16px; } h1 { font-size: 27px; } svg { font-size: 14px; }
          .figures { padding: 0; grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; gap: 2px; } dd { margin-bottom: 10px; }
          table.cards > thead { display: none; }
          table.cards, table.cards > tbody, table.cards > tbody > tr, table.cards > tbody > tr > td { display: block; }
          table.cards > tbody > tr { border-top: 1px solid var(--line); padding: 10px 0; }
          table.cards > tbody > tr.reasons { border: 0; padding: 0 0 10px; }
          table.cards > tbody > tr > td { border: 0; padding: 2px 0; text-align: left; white-space: normal; }
          table.cards > tbody > tr > td:empty { display: none; }
          table.cards > tbody > tr > td:first-child { font-weight: 600; } table.cards > tbody > tr.reasons > td { font-weight: 400; }
          table.cards > tbody > tr > td[data-l]::before { content: attr(data-l); display: inline-block; width: 124px; color: var(--muted); }
          table.cards .n small { display: inline; margin-left: 8px; }
        }
        @media print { body { background: none; } section { break-inside: avoid; } }
        """;
}
