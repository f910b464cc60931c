using System.Text.RegularExpressions;
using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary>Documents name files that exist: a guide that leads nowhere is worse than none.</summary>
public sealed partial class DocumentTests
{
    /// <summary>Every document by its path in the repository. Decisions are history: they may name what has gone since.</summary>
    public static readonly TheoryData<string> Documents =
        [.. Source.Documents().Select(document => document.Path).Where(path => !path.Contains("/decisions/", StringComparison.Ordinal))];

    /// <summary>Changes that strangers ask for; CONTRIBUTING.md shows the way through the files for each.</summary>
    public static readonly TheoryData<string> Walks =
    [
        "PostgreSQL", "over MQTT, block by block", "GPTQ", "gRPC", "maintenance windows", "OIDC", "decoders", "webhook", "drift",
        "another runtime", "newer opset", "CSV",
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Files_that_a_document_names_exist(string document)
    {
        var text = File.ReadAllText(Repository.PathOf(document));
        var missing = NamedIn(text).Concat(LinksIn(text, Path.GetDirectoryName(document)!)).Distinct()
            .Where(path => !Exists(path)).ToList();
        Assert.True(missing.Count == 0, $"{document} names what is not there: {string.Join(", ", missing)}.");
    }

    [Theory]
    [MemberData(nameof(Walks))]
    public void Guide_shows_the_way_of_a_change(string change)
    {
        var guide = File.ReadAllText(Repository.PathOf("CONTRIBUTING.md"));
        var walk = Assert.Single(guide.Split("\n\n"),
            part => Heading().Match(part) is { Success: true } heading && heading.Value.Contains(change, StringComparison.Ordinal));
        Assert.NotEmpty(NamedIn(walk));
    }

    [Theory]
    [InlineData("agent/Fleet.Agent", "deploy/systemd/README.md", "deploy/containers/agent.Dockerfile")]
    [InlineData("server/Fleet.Server", "deploy/systemd/README.md", "deploy/containers/server.Dockerfile")]
    [InlineData("server/Fleet.Modeling", "deploy/systemd/README.md", "deploy/containers/server.Dockerfile")]
    [InlineData("server/Fleet.Quantize", "deploy/systemd/README.md", "deploy/containers/server.Dockerfile")]
    [InlineData("server/Fleet.Cli", "deploy/systemd/README.md", "deploy/containers/server.Dockerfile")]
    public void Program_is_published_by_the_guides_that_install_it(string project, params string[] guides)
        => Assert.All(guides, guide => Assert.Matches($@"{project}[ :]", File.ReadAllText(Repository.PathOf(guide))));

    [Fact]
    public void Reading_sees_paths_and_links_and_passes_over_what_is_made_and_what_is_shortened()
    {
        const string Text = """
            `tests/run.sh --only X`, `server/Fleet.Server/Program.cs`, [a](decisions/0001-x.md#part), [b](https://example.org/tests/x),
            `../shared/data/x`, `tests/**/*.cs`, `dotnet run --project server/Fleet.Cli -- demo`, `server/…/X.cs`, `artifacts/SHA256`,
            `server/Fleet.Server:server`, `agent/Fleet.Agent/`
            """;
        Assert.Equal(["tests/run.sh", "server/Fleet.Server/Program.cs", "server/Fleet.Cli", "agent/Fleet.Agent/"], NamedIn(Text));
        Assert.Equal(["server/decisions/0001-x.md"], LinksIn(Text, "server"));
        Assert.False(Exists("server/Fleet.Server/Nothing.cs"));
    }

    // Words in code that begin with a folder of the repository.
    private static IEnumerable<string> NamedIn(string text)
        => Code().Matches(text).SelectMany(code => code.Value.Trim('`').Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
            .Where(word => Ours().IsMatch(word) && word.IndexOfAny(['*', '…', '<', '{', '(', '$']) < 0)
            .Select(word => word.TrimEnd(',', '.', ';', ':'))
            .Where(word => !word.Contains(':', StringComparison.Ordinal));

    private static IEnumerable<string> LinksIn(string text, string folder)
        => Link().Matches(text).Select(link => link.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal))
            .Select(target => Path.GetRelativePath(Repository.Root, Path.GetFullPath(target, Repository.PathOf(folder))));

    private static bool Exists(string path) => Path.Exists(Repository.PathOf(path));

    [GeneratedRegex("`[^`]+`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^(?:shared|agent|server|tests|deploy)/\w")]
    private static partial Regex Ours();

    [GeneratedRegex(@"\]\(([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\*\*[^*]+\*\*")]
    private static partial Regex Heading();
}
