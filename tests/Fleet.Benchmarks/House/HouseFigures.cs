using Fleet.Architecture.Tests;

namespace Fleet.Benchmarks.House;

/// <summary>How a state of the sources is built: the figures of one column.</summary>
/// <param name="Product">Files of shared, agent and server.</param>
/// <param name="Tests">Files of tests, without the benchmarks.</param>
/// <param name="Benchmarks">Files of the benchmarks.</param>
/// <param name="Circles">For each project the rooms that lie on a circle.</param>
internal sealed record HouseFigures(
    IReadOnlyList<SourceFile> Product,
    IReadOnlyList<SourceFile> Tests,
    IReadOnlyList<SourceFile> Benchmarks,
    IReadOnlyList<(string Project, IReadOnlyList<string> Rooms)> Circles)
{
    /// <summary>Where a line ends at the latest.</summary>
    public const int Columns = 140;

    /// <summary>Lines of a file that nine of ten should keep.</summary>
    public const int FileAim = 115;

    /// <summary>Lines of a method that nine of ten should keep.</summary>
    public const int MethodAim = 20;

    /// <summary>Counts a state of the sources.</summary>
    /// <param name="files">Every file, by its path in the repository.</param>
    public static HouseFigures Of(IReadOnlyList<(string Path, string Text)> files)
    {
        var sources = files.Where(file => file.Path.EndsWith(".cs", StringComparison.Ordinal))
            .ToLookup(file => PartOf(file.Path), file => SourceFile.Of(file.Path, file.Text));
        var projects = files.Where(file => file.Path.EndsWith(".csproj", StringComparison.Ordinal) && PartOf(file.Path) == "product")
            .Select(file => Path.GetDirectoryName(file.Path)!).Order(StringComparer.Ordinal);
        return new HouseFigures(
            [.. sources["product"]],
            [.. sources["tests"]],
            [.. sources["benchmarks"]],
            [.. projects.Select(project => (project, RoomsOnCircles(project, files))).Where(circle => circle.Item2.Count > 0)]);
    }

    /// <summary>The value that a share of all values does not exceed.</summary>
    public static int Quantile(IEnumerable<int> values, double share)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? 0 : sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Count) - 1)];
    }

    /// <summary>The project that a file belongs to, such as <c>server/Fleet.Server</c>.</summary>
    public static string ProjectOf(string path) => string.Join('/', path.Split('/').Take(2));

    private static IReadOnlyList<string> RoomsOnCircles(string project, IReadOnlyList<(string Path, string Text)> files)
    {
        var sources = files.Where(
            file => file.Path.StartsWith(project + "/", StringComparison.Ordinal) && Path.GetExtension(file.Path) is ".cs" or ".razor");
        var uses = Rooms.UsesIn(
            Path.GetFileName(project), project, sources.Where(file => file.Path.StartsWith(project + "/", StringComparison.Ordinal)));
        return [.. Rooms.OnCircles(uses).Select(use => use.From).Distinct().Order(StringComparer.Ordinal)];
    }

    private static string PartOf(string path) => path.Split('/') switch
    {
        ["shared" or "agent" or "server", ..] => "product",
        ["tests", "Fleet.Benchmarks", ..] => "benchmarks",
        ["tests", ..] => "tests",
        _ => "elsewhere",
    };
}
