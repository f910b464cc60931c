namespace Fleet.Server.Dashboard;

/// <summary>The one style sheet, sent with each page.</summary>
internal static class Style
{
    /// <summary>The rules.</summary>
    public const string Sheet = """
        :root{
          --ink:#1c2430;--soft:#5b6778;--line:#dfe4ea;--back:#f6f7f9;--card:#fff;--good:#1b7f4b;--bad:#b3261e;--busy:#1f5fbf;
          --wait:#8a94a3
        }
        @media(prefers-color-scheme:dark){:root{
          --ink:#e6eaf0;--soft:#9aa6b6;--line:#2c3644;--back:#12171e;--card:#1a212b;--good:#4cc38a;--bad:#ff7b72;--busy:#6ea8fe;
          --wait:#6b7686
        }}
        *{box-sizing:border-box}body{margin:0;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back)}
        header{display:flex;gap:2rem;align-items:center;padding:.7rem 1.5rem;background:var(--card);border-bottom:1px solid var(--line)}
        .brand{font-weight:700;font-size:1.1rem}nav{display:flex;gap:1.2rem}a{color:inherit;text-decoration:none}
        .who{margin-left:auto}label,form.card button{display:block;margin-top:.6rem}
        input,button{
          font:inherit;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:.3rem;padding:.35rem .7rem
        }
        form.card{max-width:30rem}form.card input{width:100%}
        nav a:hover,td a:hover{text-decoration:underline}
        main[data-stale]::before{content:"The server does not answer: what follows may be old.";color:var(--bad)}
        main{max-width:75rem;margin:0 auto;padding:1rem 1.5rem 3rem}h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.8rem 0 .6rem}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem}
        .tiles+.tiles,p+.tiles{margin-top:.8rem}h1,.tile b,.long{overflow-wrap:anywhere}.long{min-width:9rem}
        .tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem}
        .tile b{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}.tile b.text{font-size:1.05rem}
        .soft,.tile span{color:var(--soft)}.tile span{display:block}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:.8rem;margin-top:.8rem}
        table{
          width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:.5rem;
          overflow:hidden;font-variant-numeric:tabular-nums
        }
        th,td{padding:.5rem .75rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
        th{color:var(--soft);font-weight:600;font-size:.82rem}tr:last-child td{border-bottom:0}td.n,th.n{text-align:right}
        .good{color:var(--good)}.bad{color:var(--bad)}.busy{color:var(--busy)}.wait{color:var(--wait)}
        .dot{display:inline-block;width:.6rem;height:.6rem;border-radius:50%;background:currentColor;margin-right:.4rem}
        svg.bar{height:.7rem;border-radius:.35rem;overflow:hidden;background:var(--line);min-width:10rem;margin-bottom:.25rem}
        .bar rect{fill:currentColor}
        .card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem}
        form.find{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin-bottom:.8rem}
        form.find input{flex:1 1 12rem;max-width:24rem;min-width:0}form.find a{text-decoration:underline}
        .named th:first-child,.named td:first-child{position:sticky;left:0;background:var(--card);min-width:9rem;overflow-wrap:anywhere}
        @media(max-width:48rem){
          .named th:first-child,.named td:first-child{min-width:7rem;max-width:9rem;border-right:1px solid var(--line)}
          header{flex-wrap:wrap;gap:.5rem 1.5rem}nav{flex-wrap:wrap}.who{margin-left:0}main{padding:.5rem 1rem 2rem}
          table{display:block;overflow-x:auto}.tile b{font-size:1.3rem}
        }
        svg{display:block;width:100%}svg:not(.bar){height:auto}svg text{fill:var(--soft);font-size:11px}
        """;
}
