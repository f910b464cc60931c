using System.Net.Http.Headers;
using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Enrollment;

/// <summary>Renews the device's certificate while the old one is still valid, with a new key each time.</summary>
internal sealed partial class CertificateRenewal(
    DataFolder folder, DeviceCredentials credentials, TrustedTime trusted, TimeProvider time, ILogger<CertificateRenewal> logger)
        : BackgroundService
{
    /// <summary>How often the certificate's age is checked. Certificates live for months, so an hour is soon enough.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>True in the last third of the certificate's life, which leaves many chances before it ends. Pure.</summary>
    internal static bool IsDue(DateTimeOffset notBefore, DateTimeOffset notAfter, DateTimeOffset now)
        => now > notAfter - ((notAfter - notBefore) / 3);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                var certificate = credentials.Certificate;
                if (IsDue(certificate.NotBefore, certificate.NotAfter, trusted.Latest())) await RenewAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                var end = credentials.Certificate.NotAfter;
                if (end.ToUniversalTime() < trusted.Latest()) LogExpired(end, credentials.Identity.Device.Value, e.Message);
                else LogNotRenewed(end, e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Fetches a new certificate and puts it to use.</summary>
    /// <exception cref="EnrollmentException">The server refused, or its answer is unusable.</exception>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        var identity = credentials.Identity;
        var (privateKey, signingRequest) = DeviceKey.Pending(folder, identity.Device);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Deadline);
        using var http = credentials.OpenHttp();
        var request = JsonSerializer.SerializeToUtf8Bytes(new RenewRequest(signingRequest), WireJson.Default.RenewRequest);
        using var content = new ByteArrayContent(request);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await http.PostAsync("/renew", content, limit.Token);
        var renewed = await ServerAnswer.ReadAsync(response, limit.Token);

        // A renewal brings a certificate, nothing else: the CA stays, keys change by roots that are signed, addresses by orders.
        if (DeviceKey.ProblemOf(renewed.Certificate, privateKey, credentials.Authority, identity.Device) is { } problem)
            throw new EnrollmentException(problem, EnrollmentFailure.Refused);
        trusted.Advance(renewed.ServerTime);
        credentials.Change(now => now with { Certificate = renewed.Certificate, PrivateKey = privateKey });
        DeviceKey.Forget(folder);
        LogRenewed(credentials.Certificate.NotAfter);
        await ShowAsync(limit.Token);
    }

    /// <summary>
    /// Shows the new certificate once: from then on the old one is worth nothing to whoever holds a copy. Should it fail, the next
    /// connection does it.
    /// </summary>
    private async Task ShowAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var http = credentials.OpenHttp();
            using var response = await http.GetAsync("/self", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            LogNotShown(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Information, "The device's certificate was renewed and is valid until {NotAfter:u}.")]
    private partial void LogRenewed(DateTime notAfter);

    [LoggerMessage(LogLevel.Debug, "The new certificate was not shown yet: {Reason}")]
    private partial void LogNotShown(string reason);

    [LoggerMessage(LogLevel.Error, "The device's certificate ended at {NotAfter:u} and is not renewed any more. An operator lets this "
        + "device back with 'fleet devices reenroll {Device}'. ({Reason})")]
    private partial void LogExpired(DateTime notAfter, string device, string reason);

    [LoggerMessage(LogLevel.Warning,
        "The device's certificate, valid until {NotAfter:u}, was not renewed: {Reason} The next try is in an hour.")]
    private partial void LogNotRenewed(DateTime notAfter, string reason);
}
