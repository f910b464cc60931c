using System.Globalization;
using Fleet.Server.Hosting;
using Fleet.TestKit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using MQTTnet;

namespace Fleet.Server.Tests.Hosting;

/// <summary>Strangers choose what stands in the log; they do not choose its lines.</summary>
public sealed class LogAttackTests
{
    private const string Forged = "x\n2026-11-27 12:00:00 ERROR Access: the key of operator root is \u001b[31mhunter2\u001b[0m\u202e";

    [Fact]
    public async Task Client_id_and_topic_with_line_breaks_and_escape_sequences_forge_no_line()
    {
        using var folder = new TemporaryFolder();
        // Enrolled by a server in this process; everything after that is said to the real program.
        await using var before = new RunningServer();
        await before.InitializeAsync();
        var device = await before.EnrollAsync("liar");
        await before.CopyToAsync(folder.Path);
        await using var server = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0");
        var address = server.Endpoints["mqtt"].Split(':');
        void Elsewhere(MqttClientOptionsBuilder options)
            => options.WithTcpServer(address[0], int.Parse(address[1], CultureInfo.InvariantCulture));

        await Assert.ThrowsAsync<RefusedException>(() => device.ConnectAsync(options =>
        {
            Elsewhere(options);
            options.WithClientId(Forged);
        }));
        using var client = await device.ConnectAsync(Elsewhere);
        Assert.Equal(MqttClientPublishReasonCode.NotAuthorized, (await TestDevice.PublishAsync(client, Forged, [])).ReasonCode);

        await Eventually.TrueAsync("both refusals are logged",
            () => server.Output.Split('\n').Count(line => line.Contains("hunter2", StringComparison.Ordinal)) == 2);

        var lines = server.Output.Split('\n').Where(line => line.Contains("hunter2", StringComparison.Ordinal)).ToList();
        Assert.Contains("WARNING Messaging: A connection of x\\n2026-11-27", lines[0], StringComparison.Ordinal);
        Assert.Contains("WARNING Messaging: Device liar may not publish to x\\n2026-11-27", lines[1], StringComparison.Ordinal);
        Assert.All(lines, line => Assert.Contains("\\u001b[31mhunter2\\u001b[0m\\u202e", line, StringComparison.Ordinal));
        Assert.DoesNotContain('\u001b', server.Output);
    }

    [Fact]
    public void Exception_that_repeats_what_was_sent_stays_on_its_line()
    {
        using var written = new StringWriter();
        var formatter = new SentenceFormatter(Options.Create(new ConsoleFormatterOptions()), TimeProvider.System);
        var entry = new LogEntry<string>(
            LogLevel.Error, "Fleet.Server.Http.Problems", default, Forged, new InvalidOperationException(Forged), (state, _) => state);
        formatter.Write(entry, null, written);
        var line = Assert.Single(written.ToString().TrimEnd().Split('\n'));
        Assert.Contains(" | System.InvalidOperationException: x | 2026", line, StringComparison.Ordinal);
        Assert.DoesNotContain(line, char.IsControl);
    }
}
