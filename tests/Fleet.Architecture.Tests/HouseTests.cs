using System.Text.RegularExpressions;
using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary>What holds everywhere in the product.</summary>
public sealed partial class HouseTests
{
    private const int MostLines = 400;

    private static readonly string[] Product = ["shared", "agent", "server"];

    private static readonly string[] TopLevel =
    [
        ".ci", ".editorconfig", ".gitattributes", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Directory.Build.props",
        "Directory.Build.targets",
        "Directory.Packages.props",
        "Fleet.sln", "LICENSE", "README.md", "SECURITY.md", "agent", "deploy", "global.json", "server", "shared", "tests",
    ];

    /// <summary>What stands nowhere in product code: the pattern, an example, and why.</summary>
    public static readonly TheoryData<string, string, string> Banned = new()
    {
        { @"Thread\.Sleep", "Thread.Sleep(100);", "a wait that cannot be stopped; await with a cancellation token" },
        { @"NotImplementedException", "throw new NotImplementedException();", "a promise the caller cannot see through" },
        { @"GC\.Collect\(", "GC.Collect();", "hides a leak instead of ending it" },
        { @"async\s+void", "async void OnTick() { }", "its exception ends the process" },
        { @"\.GetAwaiter\(\)\.GetResult\(\)|\.Wait\(\)", "var x = task.GetAwaiter().GetResult();", "a blocked thread; await instead" },
        { @"DateTime\.(?:Utc)?Now", "var now = DateTime.UtcNow;", "time is handed in as a TimeProvider, so that tests move the clock" },
    };

    /// <summary>Files that may all the same, each with its reason.</summary>
    private static readonly Dictionary<string, string> Justified = new()
    {
        ["server/Fleet.Server/Storage/LiteGate.cs"] =
            "it is a thread of its own whose only work is the database: it waits, nobody else does",
        ["server/Fleet.Modeling/Data/ParquetTable.cs"] =
            "the library has asynchronous readers alone and is given a file in memory, on the build's own thread",
        ["server/Fleet.Modeling/Worker/LeasedDevice.cs"] =
            "the thread of a build is its own, and waits for a device that times files for it",
    };

    [Theory]
    [MemberData(nameof(Banned))]
    public void Product_code_does_without(string pattern, string example, string why)
    {
        Assert.Matches(pattern, Source.CodeOf(example));
        var found =
            from file in Product.SelectMany(Source.FilesIn)
            where !Justified.ContainsKey(file.Path)
            from use in Regex.Matches(Source.CodeOf(file.Text), pattern)
            select $"{file.Path}:{file.Text.AsSpan(0, use.Index).Count('\n') + 1}";
        Assert.True(!found.Any(), $"{pattern}: {why}.\n{string.Join('\n', found)}");
    }

    [Fact]
    public void Catch_that_does_nothing_says_why()
    {
        Assert.Matches(EmptyCatch(), "try { X(); }\ncatch (IOException)\n{\n}");
        Assert.DoesNotMatch(EmptyCatch(), "try { X(); }\ncatch (IOException)\n{\n    // It is gone already.\n}");
        Assert.All(Product.SelectMany(Source.FilesIn),
            file => Assert.False(EmptyCatch().IsMatch(file.Text), $"{file.Path} swallows a failure without a word."));
    }

    [Fact]
    public void Nothing_is_left_to_be_done_later()
        => Assert.All(Product.Append("tests").SelectMany(Source.FilesIn)
            .Where(file => !file.Path.EndsWith("HouseTests.cs", StringComparison.Ordinal)),
                file => Assert.DoesNotMatch(@"//\s*(TODO|FIXME|HACK)\b", file.Text));

    [Fact]
    public void File_is_one_idea_and_no_longer_than_a_few_screens()
    {
        var long_ = Product.Append("tests").SelectMany(Source.FilesIn).Select(file => (file.Path, Lines: file.Text.AsSpan().Count('\n')))
            .Where(file => file.Lines > MostLines);
        Assert.True(!long_.Any(),
            $"Longer than {MostLines} lines: {string.Join(", ", long_.Select(file => $"{file.Path} ({file.Lines})"))}. Split by concern "
                + $"and keep the name: ServerLink.Reconnect.cs.");
    }

    [Fact]
    public void Every_public_type_says_what_it_is()
    {
        Assert.Equal(["Bare", "Marked"], Undocumented(
            "/// <summary>A.</summary>\npublic class Told { }\n\npublic enum Bare { }\n\n[A]\n[B(1)]\npublic sealed class Marked { }\n"
                + "/// <summary>A.</summary>\n[A]\npublic readonly record struct Both(int A);\ninternal class Hidden { }\n"));
        var found =
            from file in Product.SelectMany(Source.FilesIn)
            from type in Undocumented(file.Text)
            select $"{file.Path}: {type}";
        Assert.True(!found.Any(), $"Public types without a summary:\n{string.Join('\n', found)}");
    }

    [Fact]
    public void Top_of_the_repository_holds_what_was_agreed_and_nothing_else()
    {
        // What git does not keep (build output, an editor's folder) may lie there.
        var ignored = File.ReadLines(Repository.PathOf(".gitignore")).Select(line => line.Trim('/')).Append(".git");
        Assert.Empty(Directory.EnumerateFileSystemEntries(Repository.Root).Select(entry => Path.GetFileName(entry))
            .Except(TopLevel).Except(ignored));
    }

    [Fact]
    public void Documents_name_no_package_registry_and_no_path_of_the_machine_they_were_written_on()
    {
        Assert.Matches(Local(), "see /work/x or https://nuget.example.com/v3/index.json");
        var documents = Directory.EnumerateFiles(
            Repository.Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Where(file => !Skipped().IsMatch(Path.GetRelativePath(Repository.Root, file))
                && Path.GetExtension(file) is ".md" or ".yaml" or ".yml" or ".sh" or ".props" or ".targets" or ".json" or ".service" or "");
        Assert.All(documents, file => Assert.DoesNotMatch(Local(), File.ReadAllText(file)));
    }

    [Fact]
    public void Every_folder_that_people_enter_first_has_a_readme()
        => Assert.All((string[])["", "deploy", "tests"],
            folder => Assert.True(File.Exists(Repository.PathOf(folder, "README.md")), $"{folder}/README.md is missing."));

    private static IEnumerable<string> Undocumented(string text)
        => PublicType().Matches(text).Where(type => !type.Groups["told"].Success).Select(type => type.Groups["name"].Value);

    [GeneratedRegex(@"(?<!//[^\n]*\n\s*)catch(?:\s*\([^)]*\))?(?:\s*when\s*\([^{]*\))?\s*\{\s*\}")]
    private static partial Regex EmptyCatch();

    // A summary, then the rest of it and attributes, which may go over several lines, then the declaration.
    [GeneratedRegex(
        @"(?<told>^[ ]*///[^\n]*\n)?(?:^(?![^\n]*[;{}])[^\n]+\n)*?^[ ]*public (?:(?:static|sealed|abstract|partial|readonly|ref) )*"
            + @"(?:class|record struct|record|struct|enum|interface|delegate [\w<>?]+) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex PublicType();

    [GeneratedRegex(@"(?<![\w/])/(?:work|root)/|/v3/index\.json|nuget\.config", RegexOptions.IgnoreCase)]
    private static partial Regex Local();

    [GeneratedRegex(@"^(\.git|\.artifacts)([/\\]|$)|[/\\](bin|obj)[/\\]")]
    private static partial Regex Skipped();
}
