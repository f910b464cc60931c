namespace Fleet.Quantization.Tests;

/// <summary>Real data and models beside the repository; a test that needs them says so and skips where they are absent.</summary>
internal static class SharedFiles
{
    /// <summary>The full path of a file under <c>../shared/data</c>; skips the test when it is not there.</summary>
    public static string Require(string relative)
    {
        var path = Find(relative);
        Assert.SkipWhen(path is null, $"../shared/data/{relative} is not beside this repository.");
        return path;
    }

    /// <summary>The full path of a file that failed in use, under <c>../shared/cases/quantize</c>; skips the test without it.</summary>
    public static string RequireCase(string name)
    {
        var path = FindCase(name);
        Assert.SkipWhen(path is null, $"../shared/cases/quantize/{name} is not beside this repository.");
        return path;
    }

    /// <summary>The same; null where there is no such file.</summary>
    public static string? FindCase(string name) => Find("../cases/quantize/" + name);

    private static string? Find(string relative)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "Fleet.sln"))) continue;
            var path = Path.Combine(folder.FullName, "..", "shared", "data", relative);
            return File.Exists(path) ? Path.GetFullPath(path) : null;
        }
        return null;
    }
}
