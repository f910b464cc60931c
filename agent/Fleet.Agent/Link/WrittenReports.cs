using System.Globalization;
using System.Text;
using Fleet.Agent.Disk;
using Fleet.Platform;

namespace Fleet.Agent.Link;

/// <summary>
/// Numbers of the reports that were written into files, and how far the telemetry in each goes. A number is on disk before its report is:
/// after a kill one may be skipped, but none is used twice.
/// </summary>
internal sealed class WrittenReports(DataFolder folder)
{
    /// <summary>
    /// Reports that are remembered: who carries more without an answer from the server sends the telemetry of the oldest again.
    /// </summary>
    private const int Remembered = 16;

    /// <summary>Number of the newest report; null before the first.</summary>
    public long? Newest => Read() is [.., var (number, _)] ? number : null;

    /// <summary>
    /// Takes the number of the next report: the seconds of the time that is accounted for, so that a device which was enrolled anew goes on
    /// above its predecessor, and one more than the last at least.
    /// </summary>
    /// <param name="now">The time that signed messages account for.</param>
    /// <param name="through">Sequence number of the newest batch in it; 0 when it holds none.</param>
    public long Next(DateTimeOffset now, long through)
    {
        var known = Read();
        var number = Math.Max(now.ToUnixTimeSeconds(), (known is [.., var (last, _)] ? last : 0) + 1);
        var lines = known.TakeLast(Remembered - 1).Append((Number: number, Through: through))
            .Select(report => string.Create(CultureInfo.InvariantCulture, $"{report.Number} {report.Through}\n"));
        DurableFile.Write(folder.WrittenReports, Encoding.ASCII.GetBytes(string.Concat(lines)));
        return number;
    }

    /// <summary>Sequence number up to which telemetry was in a report; null when that one is not remembered.</summary>
    public long? ThroughOf(long number)
        => Read().Where(report => report.Number == number).Select(report => (long?)report.Through).FirstOrDefault();

    private List<(long Number, long Through)> Read()
    {
        byte[]? content;
        try
        {
            content = DurableFile.Read(folder.WrittenReports);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // Written by another user, or by a disk that fails: what is reported does not depend on it.
        }
        var reports = new List<(long, long)>();
        foreach (var line in Encoding.ASCII.GetString(content ?? []).Split('\n'))
        {
            if (line.Split(' ') is [var number, var through]
                && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
                && long.TryParse(through, NumberStyles.None, CultureInfo.InvariantCulture, out var batch))
                reports.Add((parsed, batch));
        }
        return reports;
    }
}
