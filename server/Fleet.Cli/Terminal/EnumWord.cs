namespace Fleet.Cli.Terminal;

/// <summary>
/// Words for the values of an enumeration as people write them: its names and nothing else, where .NET reads numbers and lists too.
/// </summary>
internal static class EnumWord
{
    /// <summary>Reads one word.</summary>
    public static bool TryParse<T>(string text, out T value) where T : struct, Enum
    {
        value = Enum.GetValues<T>().FirstOrDefault(one => Is(one.ToString(), text));
        return Is(value.ToString(), text);
    }

    /// <summary>The name of a value that is written so; null where there is none.</summary>
    public static string? Of(Type type, string text) => Enum.GetNames(type).FirstOrDefault(name => Is(name, text));

    /// <summary>All words, for messages.</summary>
    public static string List<T>() where T : struct, Enum => List(typeof(T));

    /// <summary>All words of an enumeration.</summary>
    public static string List(Type type) => string.Join(", ", Enum.GetNames(type)).ToLowerInvariant();

    private static bool Is(string name, string text) => name.Equals(text, StringComparison.OrdinalIgnoreCase);
}
