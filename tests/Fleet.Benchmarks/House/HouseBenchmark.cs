using System.Globalization;
using System.Text;

namespace Fleet.Benchmarks.House;

/// <summary>How the house is built, before and after: lines of files and methods, tests beside code, doc comments, circles.</summary>
internal static class HouseBenchmark
{
    /// <summary>The commit before the second house: quantizer, platform and rooms apart.</summary>
    private const string Before = "03c022f";

    private static readonly string ProjectHeads =
        "| project | files | lines | file median, p90 | method median, p90 | public types documented "
            + $"| lines past {HouseFigures.Columns} | rooms on a circle |";

    /// <summary>The table, and the table of each project.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var before = HouseFigures.Of(await Sources.AtAsync(Before, cancellationToken));
        var after = HouseFigures.Of(Sources.Here());
        return $"""
            Product is `shared`, `agent` and `server`; tests are `tests` without the benchmarks. A method runs from its signature to its
            closing brace; constructors and local functions count. Lines of code are neither blank nor comment. Before is commit `{Before}`.

            | | aim | before | after |
            |---|---|---|---|
            {Rows(before, after)}

            {ProjectHeads}
            |---|---|---|---|---|---|---|---|
            {string.Join('\n', Projects(after))}
            """;
    }

    /// <summary>Every file and method over the aim, longest first, by project.</summary>
    public static Task<string> ListAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        foreach (var project in HouseFigures.Of(Sources.Here()).Product.GroupBy(file => HouseFigures.ProjectOf(file.Path)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var files = project.Where(file => file.Lines > HouseFigures.FileAim).OrderByDescending(file => file.Lines).ToList();
            var methods = project.SelectMany(file => file.Methods.Select(method => (file.Path, Method: method)))
                .Where(one => one.Method.Lines > HouseFigures.MethodAim).OrderByDescending(one => one.Method.Lines).ToList();
            text.AppendLine(CultureInfo.InvariantCulture,
                $"## {project.Key}: {files.Count} of {project.Count()} files, {methods.Count} of {project.Sum(file => file.Methods.Count)} "
                    + $"methods\n");
            foreach (var file in files) text.AppendLine(CultureInfo.InvariantCulture, $"- {file.Lines} lines: {file.Path}");
            text.AppendLine();
            foreach (var (path, method) in methods)
                text.AppendLine(CultureInfo.InvariantCulture, $"- {method.Lines} lines: {method.Name} ({path}:{method.Line})");
            text.AppendLine();
        }
        return Task.FromResult(text.ToString());
    }

    private static string Rows(HouseFigures before, HouseFigures after)
    {
        (string Name, string Aim, Func<HouseFigures, string> Of)[] rows =
        [
            ("product, files", "", house => Whole(house.Product.Count)),
            ("product, lines", "", house => Whole(house.Product.Sum(file => file.Lines))),
            ("file lines, median", "", house => Whole(Files(house, 0.5))),
            ("file lines, p90", $"<= {HouseFigures.FileAim}", house => Whole(Files(house, 0.9))),
            ("method lines, median", "", house => Whole(Methods(house, 0.5))),
            ("method lines, p90", $"<= {HouseFigures.MethodAim}", house => Whole(Methods(house, 0.9))),
            ("tests : code, lines of code", ">= 0.9",
                house => Share(house.Tests.Sum(file => file.CodeLines), house.Product.Sum(file => file.CodeLines))),
            ("tests : code, all lines", "", house => Share(house.Tests.Sum(file => file.Lines), house.Product.Sum(file => file.Lines))),
            ("public types documented", "", house => Percent(house.Product)),
            ("rooms on a circle", "0", house => Whole(house.Circles.Sum(project => project.Rooms.Count))),
            ("longest line, product, tests and benchmarks", $"{HouseFigures.Columns}",
                house => Whole(All(house).Max(file => file.Longest))),
            ($"lines past column {HouseFigures.Columns}", "0", house => Whole(All(house).Sum(file => file.TooLong))),
        ];
        return string.Join('\n', rows.Select(row => $"| {row.Name} | {row.Aim} | {row.Of(before)} | {row.Of(after)} |"));
    }

    private static IEnumerable<string> Projects(HouseFigures house)
    {
        foreach (var project in All(house).GroupBy(file => HouseFigures.ProjectOf(file.Path))
            .OrderBy(project => project.Key, StringComparer.Ordinal))
        {
            var (files, methods) = (project.Select(file => file.Lines).ToList(),
                project.SelectMany(file => file.Methods).Select(method => method.Lines).ToList());
            var rooms = house.Circles.Where(circle => circle.Project == project.Key).SelectMany(circle => circle.Rooms).ToList();
            yield return $"| `{project.Key}` | {files.Count} | {Whole(files.Sum())} "
                + $"| {HouseFigures.Quantile(files, 0.5)}, {HouseFigures.Quantile(files, 0.9)} "
                + $"| {HouseFigures.Quantile(methods, 0.5)}, {HouseFigures.Quantile(methods, 0.9)} "
                + $"| {(project.Any(file => file.PublicTypes > 0) ? Percent(project) : "")} | {project.Sum(file => file.TooLong)} | "
                + $"{string.Join(", ", rooms)} |";
        }
    }

    private static IEnumerable<SourceFile> All(HouseFigures house) => [.. house.Product, .. house.Tests, .. house.Benchmarks];

    private static int Files(HouseFigures house, double share) => HouseFigures.Quantile(house.Product.Select(file => file.Lines), share);

    private static int Methods(HouseFigures house, double share)
        => HouseFigures.Quantile(house.Product.SelectMany(file => file.Methods).Select(method => method.Lines), share);

    private static string Percent(IEnumerable<SourceFile> files)
        => string.Create(CultureInfo.InvariantCulture,
            $"{100.0 * files.Sum(file => file.Documented) / files.Sum(file => file.PublicTypes):0.0} %");

    private static string Whole(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Share(double part, double of) => (part / of).ToString("0.00", CultureInfo.InvariantCulture);
}
