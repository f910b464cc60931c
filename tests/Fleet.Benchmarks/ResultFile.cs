using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>Where the table of a benchmark is kept.</summary>
internal static class ResultFile
{
    /// <summary>The file of a benchmark.</summary>
    public static string PathOf(string name) => Repository.PathOf("tests", "Fleet.Benchmarks", "results", name + ".md");

    /// <summary>A table under its name, with the command that makes it again.</summary>
    public static string TextOf(string name, string body) => $"""
        # {name}

        Made by `dotnet run -c Release --project tests/Fleet.Benchmarks -- {name} --write` on {Machine.Describe()}.

        {body}
        """;

    /// <summary>Writes the file.</summary>
    public static async Task WriteAsync(string name, string body, CancellationToken cancellationToken)
    {
        var path = PathOf(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, TextOf(name, body).TrimEnd() + "\n", cancellationToken);
    }
}
