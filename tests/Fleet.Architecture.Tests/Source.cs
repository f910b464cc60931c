using System.Text.RegularExpressions;
using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary>The product's source as text: what the compiler reads, without comments and without what stands in quotes.</summary>
internal static partial class Source
{
    /// <summary>C# files below a folder of the repository, by their path in it.</summary>
    public static IEnumerable<(string Path, string Text)> FilesIn(string folder) => FilesIn(folder, "*.cs");

    /// <summary>Files of a kind below a folder of the repository, by their path in it.</summary>
    public static IEnumerable<(string Path, string Text)> FilesIn(string folder, string kind)
        => Directory.EnumerateFiles(Repository.PathOf(folder), kind, SearchOption.AllDirectories)
            .Where(file => !Generated().IsMatch(file))
            .Select(file => (Path.GetRelativePath(Repository.Root, file), File.ReadAllText(file)));

    /// <summary>Every Markdown document of the repository, by its path in it.</summary>
    public static IEnumerable<(string Path, string Text)> Documents()
        => Directory.EnumerateFiles(Repository.Root, "*.md")
            .Select(file => (Path.GetRelativePath(Repository.Root, file), File.ReadAllText(file)))
            .Concat(((string[])["shared", "agent", "server", "tests", "deploy"]).SelectMany(folder => FilesIn(folder, "*.md")));

    /// <summary>
    /// Where <paramref name="forbidden"/> is used in <paramref name="text"/>: in a using line or anywhere in the code, as <c>line:
    /// what</c>.
    /// </summary>
    public static IEnumerable<string> UsesOf(string forbidden, string text)
        => new Regex($@"(?<![\w.])(?:global::)?(?:{forbidden})\b").Matches(CodeOf(text))
            .Select(use => $"{text.AsSpan(0, use.Index).Count('\n') + 1}: {use.Value}");

    /// <summary>The code with comments, strings and characters blanked, lengths and lines kept.</summary>
    public static string CodeOf(string text)
        => NotCode().Replace(text, part => new string([.. part.Value.Select(c => c == '\n' ? '\n' : ' ')]));

    [GeneratedRegex(@"[/\\](bin|obj)[/\\]")]
    private static partial Regex Generated();

    // In this order: comments, raw strings, verbatim strings, strings, characters. An interpolated string counts as a string.
    [GeneratedRegex("""//[^\n]*|/\*.*?\*/|"{3,}.*?"{3,}|[$]?@[$]?"(?:[^"]|"")*"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""",
        RegexOptions.Singleline)]
    private static partial Regex NotCode();
}
