using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>Says how a device makes samples of what an application has, as training made them.</summary>
internal static class InputForms
{
    /// <summary>
    /// The form of a data set; null where applications give tensors. A model is of use without it, and one whose form breaks a rule would
    /// be refused by devices: such a form is left out.
    /// </summary>
    /// <param name="table">How rows of a table became samples; null where there is none.</param>
    /// <param name="train">What was learned from.</param>
    /// <param name="problem">Why it was left out, in sentences with the remedy; null where it was not.</param>
    public static InputForm? Of(TablePlan? table, RawSamples train, out string? problem)
    {
        var form = (table, train.Preprocessing) switch
        {
            ({ } plan, _) => new InputForm { Table = plan },
            (_, { SampleRate: not null } used) => new InputForm { Sound = used, Windows = train.Windows },
            (_, { } used) => new InputForm { Picture = used },
            _ when train is { Windows: { } windows, ChannelNames: { } channels }
                => new InputForm { Series = new SeriesForm(channels), Windows = windows },
            _ => null,
        };
        problem = null;
        if (form is null) return null;
        try
        {
            // As a device reads it: what it would refuse is known here.
            InputForm.Read(form.Write()).Reader();
            return form;
        }
        catch (FormatException e)
        {
            var given = table is not null || form.Series is not null ? "rows of the table" : "what the files hold";
            problem = $"Applications give tensors to the model, and not {given}, which a device could not read: {e.Message}"
                + (table is null ? "" : " Rename or shorten it, or leave columns out (data.table.without).");
            return null;
        }
    }
}
