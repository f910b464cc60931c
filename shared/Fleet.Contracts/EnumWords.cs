using System.Text;

namespace Fleet.Contracts;

/// <summary>
/// Enum values as people read them, the same on the command line, on the pages and in messages. On the wire they are camelCase.
/// </summary>
public static class EnumWords
{
    /// <summary>The words of a value: <c>RolledBack</c> is "rolled back".</summary>
    public static string ToWords<T>(this T value) where T : struct, Enum
    {
        var words = new StringBuilder();
        foreach (var letter in value.ToString())
        {
            if (char.IsUpper(letter) && words.Length > 0) words.Append(' ');
            words.Append(char.ToLowerInvariant(letter));
        }
        return words.ToString();
    }
}
