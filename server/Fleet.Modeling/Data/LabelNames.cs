using System.Globalization;

namespace Fleet.Modeling.Data;

/// <summary>Labels that a file spells out.</summary>
internal static class LabelNames
{
    /// <summary>Labels that are all whole numbers are class numbers; others are names, numbered in alphabetical order.</summary>
    public static (long[] Labels, IReadOnlyList<string>? Names) Number(IReadOnlyList<string> labels)
    {
        var numbers = new long[labels.Count];
        var whole = true;
        for (var i = 0; whole && i < numbers.Length; i++) whole = long.TryParse(labels[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out numbers[i]);
        if (whole) return (numbers, null);
        string[] names = [.. labels.Distinct().Order(StringComparer.Ordinal)];
        return ([.. labels.Select(label => (long)Array.BinarySearch(names, label, StringComparer.Ordinal))], names);
    }
}
