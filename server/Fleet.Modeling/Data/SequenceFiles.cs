using System.Globalization;
using System.Text;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>A sample over time.</summary>
/// <param name="Channels">Values of each channel; not a number where one is missing.</param>
/// <param name="Label">What it is labelled with.</param>
/// <param name="Line">The line that it stands in, from 1.</param>
internal sealed record Sequence(IReadOnlyList<float[]> Channels, string Label, int Line);

/// <summary>
/// Samples over time, one a line, as the archives of time series keep them: UCR's text (the label, then values), ARFF (a list of channels,
/// or values, then the label) and sktime's ts (channels apart by colons, then the label; https://www.sktime.net).
/// </summary>
internal static class SequenceFiles
{
    /// <param name="path">The file.</param>
    /// <param name="kind"><c>ucr</c>, <c>arff</c> or <c>ts</c>.</param>
    /// <param name="task">What the labels are for, where that was said.</param>
    /// <param name="learned">The training samples; null for those themselves.</param>
    /// <param name="labelled">False: the labels that the form has are not looked at.</param>
    public static RawSamples Read(string path, string kind, ModelTask? task, RawSamples? learned, bool labelled = true)
    {
        using var reader = new StreamReader(new MemoryStream(DataFiles.Read(path)), Encoding.UTF8);
        string[] lines = reader.ReadToEnd().Split('\n');
        try
        {
            Sequence[] samples = [
                .. kind switch { "ucr" => Ucr(lines), "arff" => Arff(lines), _ => Ts(lines) },
            ];
            if (samples.Length == 0) throw new FormatException("it holds no samples");
            var read = Assembled(path, samples, task, learned);
            return labelled ? read : read with { Labels = RawLabels.None(samples.Length) };
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }

    private static RawSamples Assembled(string path, Sequence[] samples, ModelTask? task, RawSamples? learned)
    {
        var channels = learned?.SampleShape[0] ?? samples[0].Channels.Count;
        var length = learned?.SampleShape[1] ?? samples.Max(sample => sample.Channels.Max(channel => channel.Length));
        if ((long)samples.Length * channels * length > Array.MaxLength)
            throw new FormatException("it has more values than one array can hold; give fewer or shorter samples");
        var inputs = new float[samples.Length * channels * length];
        var (unlike, missing) = (0, 0);
        foreach (var (number, sample) in samples.Index())
        {
            if (sample.Channels.Count != channels)
                throw new FormatException($"line {sample.Line} has {sample.Channels.Count} channels where others have {channels}");
            foreach (var (channel, values) in sample.Channels.Index())
            {
                missing += Fill(values, sample.Line);
                // The last value goes on: zeros would be a step that was never measured.
                var into = inputs.AsSpan((number * channels + channel) * length, length);
                var taken = Math.Min(length, values.Length);
                values.AsSpan(0, taken).CopyTo(into);
                into[taken..].Fill(values[taken - 1]);
            }
            if (sample.Channels.Any(values => values.Length != length)) unlike++;
        }
        var notes = new List<string>();
        if (unlike > 0)
            notes.Add($"{unlike:N0} of {samples.Length:N0} samples have another length than {length:N0}: shorter ones go on with their "
                + "last value, longer ones are cut.");
        if (missing > 0) notes.Add($"{missing:N0} missing values lie on a line between their neighbours.");
        string[] labels = [.. samples.Select(sample => sample.Label)];
        var read = task == ModelTask.Regression ? RawLabels.Of(labels) : RawLabels.Named(labels);
        return new RawSamples(path, inputs, [channels, length], read)
        {
            Notes = notes,
            Places = sample => $"line {samples[sample].Line}",
        };
    }

    /// <summary>Puts values that are missing on a line between their neighbours.</summary>
    /// <returns>How many there were.</returns>
    private static int Fill(float[] values, int line)
    {
        var filled = 0;
        var last = -1;
        for (var place = 0; place <= values.Length; place++)
        {
            if (place < values.Length && float.IsNaN(values[place])) continue;
            for (var gap = last + 1; gap < place; gap++)
            {
                if (last < 0 && place == values.Length) throw new FormatException($"line {line} has a channel without any value");
                values[gap] = last < 0 ? values[place] : place == values.Length ? values[last]
                    : values[last] + (values[place] - values[last]) * (gap - last) / (place - last);
                filled++;
            }
            last = place;
        }
        return filled;
    }

    private static IEnumerable<Sequence> Ucr(string[] lines)
    {
        foreach (var (index, text) in lines.Index())
        {
            string[] fields = text.Contains(',', StringComparison.Ordinal)
                ? text.Split(',', StringSplitOptions.TrimEntries) : text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields is [] or [""]) continue;
            if (fields.Length < 2) throw new FormatException($"line {index + 1} holds no values behind its label");
            // The archive fills short samples up with missing values.
            float[] values = [.. fields.Skip(1).Select(field => Value(field, index + 1))];
            var end = Array.FindLastIndex(values, value => !float.IsNaN(value)) + 1;
            yield return new Sequence([values[..Math.Max(end, 1)]], Label(fields[0]), index + 1);
        }
    }

    private static IEnumerable<Sequence> Arff(string[] lines)
    {
        foreach (var (index, text) in Body(lines))
        {
            // A list of channels stands in quotes, one after the other; without it all values are of one channel.
            var quote = text[0] is '\'' or '"' ? text[0] : '\0';
            var end = quote == '\0' ? text.LastIndexOf(',') : text.LastIndexOf(quote);
            if (end < 1) throw new FormatException($"line {index + 1} holds no values before its label");
            var values = quote == '\0' ? text[..end] : text[1..end];
            yield return new Sequence(
                [.. values.Split(["\\n"], StringSplitOptions.None).Select(channel => Channel(channel, index + 1))],
                Label(text[(end + 1)..].Trim(' ', ',', '\'', '"')), index + 1);
        }
    }

    private static IEnumerable<Sequence> Ts(string[] lines)
    {
        if (Array.Exists(lines, line => line.Trim().ToLowerInvariant() is "@timestamps true"))
            throw new FormatException("its values have time stamps of their own; write them at even steps, without '@timeStamps true'");
        foreach (var (index, text) in Body(lines))
        {
            string[] parts = text.Split(':');
            if (parts.Length < 2) throw new FormatException($"line {index + 1} has no label behind a colon");
            yield return new Sequence([.. parts[..^1].Select(channel => Channel(channel, index + 1))], Label(parts[^1].Trim()), index + 1);
        }
    }

    private static IEnumerable<(int Index, string Text)> Body(string[] lines)
    {
        var begin = Array.FindIndex(lines, line => line.Trim().Equals("@data", StringComparison.OrdinalIgnoreCase));
        if (begin < 0) throw new FormatException("it has no line @data");
        return lines.Index().Skip(begin + 1).Select(line => (line.Index, line.Item.Trim()))
            .Where(line => line.Item2.Length > 0 && line.Item2[0] is not ('%' or '#'));
    }

    private static float[] Channel(string text, int line)
        => [.. text.Split(',', StringSplitOptions.TrimEntries).Select(field => Value(field, line))];

    private static float Value(string field, int line) => field is "?" or "" ? float.NaN
        : float.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && !float.IsInfinity(value) ? value
        : throw new FormatException($"line {line} holds '{field}' among its values, which is not a number");

    // 1.0000000e+00 is the class 1.
    private static string Label(string text)
        => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number == Math.Floor(number)
            && Math.Abs(number) < 1e9
            ? ((long)number).ToString(CultureInfo.InvariantCulture)
            : text.Length > 0 ? text : throw new FormatException("a line has no label");
}
