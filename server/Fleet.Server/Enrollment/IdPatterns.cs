using System.Buffers;
using System.IO.Enumeration;
using Fleet.Contracts;

namespace Fleet.Server.Enrollment;

/// <summary>Patterns of device ids, such as <c>press-*</c>. Pure.</summary>
internal static class IdPatterns
{
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-*");

    /// <summary>What is wrong with a pattern; null when it is one.</summary>
    public static string? ProblemOf(string? pattern)
        => pattern is null || (pattern.Length is > 0 and <= Limits.NameLength && !pattern.AsSpan().ContainsAnyExcept(Allowed))
            ? null
            : $"idPattern '{pattern}' must be 1 to {Limits.NameLength} of a-z, 0-9, '-' and '*', which stands for any characters.";

    /// <summary>True when the whole id is of that pattern.</summary>
    public static bool Matches(string pattern, string id) => FileSystemName.MatchesSimpleExpression(pattern, id, ignoreCase: false);
}
