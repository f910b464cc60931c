using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>Says how a device makes samples of what an application has, as training made them.</summary>
internal static class InputForms
{
    /// <summary>The form of a data set; null where applications give tensors.</summary>
    /// <param name="table">How rows of a table became samples; null where there is none.</param>
    /// <param name="train">What was learned from.</param>
    /// <exception cref="BuildException">A device would not read it.</exception>
    public static InputForm? Of(TablePlan? table, RawSamples train)
    {
        var form = (table, train.Preprocessing) switch
        {
            ({ } plan, _) => new InputForm { Table = plan },
            (_, { SampleRate: not null } used) => new InputForm { Sound = used },
            (_, { } used) => new InputForm { Picture = used },
            _ => null,
        };
        if (form is null) return null;
        return InputForm.ProblemOf(form) is { } problem
            ? throw new BuildException($"{train.Source}: {problem} A device would not read it: rename or shorten it, or leave columns out "
                + "(data.table.without).")
            : form;
    }
}
