using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Fleet.Contracts.Devices;

/// <summary>The one rule for names that travel in topics, paths and tables.</summary>
public static class Names
{
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <summary>The rule in words, for messages.</summary>
    public const string Rule = "1 to 64 of a-z, 0-9 and '-'";

    /// <summary>True when <paramref name="text"/> is 1 to 64 of <c>a-z 0-9 -</c>.</summary>
    public static bool IsName([NotNullWhen(true)] string? text)
        => text is { Length: > 0 and <= Limits.NameLength } && !text.AsSpan().ContainsAnyExcept(Allowed);
}
